"""How a verb comes to the neighbours: opened for it, and closed when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quel.operations.services import OperatorServices


@contextmanager
def open_services() -> "Iterator[OperatorServices]":
    """The neighbours of one verb, as this environment's settings name them. Raises SettingsError.

    The libraries of PostgreSQL and Redis are imported here alone: `quel --help` does not wait for them.
    """
    from quel.operations.services import OperatorServices
    from quel.settings import settings

    services = OperatorServices(settings())
    try:
        yield services
    finally:
        services.close()
