"""Records who did what, one row an act and job, whether it was done, declined or failed.

The row is written before the act begins and committed when it has ended: what cannot be recorded is not
done. Only the operator's brake goes on without, since it must work while PostgreSQL does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from quel.core.errors import Declined, QuelError, ServiceUnavailable
from quel.core.operations.action_log import Action, ActionEnd
from quel.operations.services import OperatorServices


@contextmanager
def recorded(
    services: OperatorServices,
    verb: str,
    job_ids: Sequence[UUID] = (),
    *,
    must: bool = True,
    target: Mapping[str, object] | None = None,
) -> Iterator[None]:
    """Records the block as an act of the services' actor.

    `must` False: the block is run also where PostgreSQL is not set or does not answer. Raises what the block
    raises, SettingsError, ServiceUnavailable, DatabaseError.
    """
    if not services.settings.database_url:
        yield
        return
    log, actor, told = services.action_log, services.actor, target or {}
    begun = False
    try:
        with log.during(actor, verb, job_ids, told):
            begun = True
            yield
    except QuelError as error:
        if not begun and not must and isinstance(error, ServiceUnavailable):
            yield
            return
        outcome = ActionEnd.DECLINED if isinstance(error, Declined) else ActionEnd.FAILED
        if begun:
            log.write(actor, verb, job_ids, told, outcome=outcome, detail=str(error))
        raise


def latest_actions(services: OperatorServices, *, since: timedelta | None, most: int) -> list[Action]:
    """At most so many acts, the latest first. Raises SettingsError, ServiceUnavailable, DatabaseError."""
    return services.action_log.latest(None if since is None else since.total_seconds(), most)
