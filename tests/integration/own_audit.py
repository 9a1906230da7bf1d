"""quel's own audit of a studio's database, as a program would call it."""

from contextlib import closing
from typing import Any

from quel.core.operations.audit import Difference
from quel.environment import read_settings
from quel.operations.audit import audit
from quel.operations.services import OperatorServices
from quel.sandbox.studio import Studio


def own_audit(studio: Studio, *, objects: bool = False, **options: Any) -> list[Difference]:
    """The differences in the studio's rows and, with `objects`, its bucket; `options` are the audit's."""
    settings = read_settings(
        {
            "DATABASE_URL": studio.database_url,
            "SUPABASE_URL": studio.storage.url,
            "SUPABASE_SERVICE_KEY": studio.storage.service_key,
        }
    )
    with closing(OperatorServices(settings)) as services:
        return audit(services, objects=objects, **options)
