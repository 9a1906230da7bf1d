"""Audits that are asked for now and made by a worker: a million jobs take longer than anybody waits.

An audit is a row under a lease. Whoever makes it prolongs the lease with what it has looked through; one that
dies is made anew by the next look, from the beginning, and given up after three of these.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from quel.core.errors import NotFound, QuelError
from quel.core.operations.audit_runs import AuditOrder, AuditRun
from quel.core.pipeline import MOST_STARTS, WHOEVER, Step, StepMessage
from quel.operations.action_log import recorded
from quel.operations.audit import audit
from quel.operations.services import OperatorServices

TELL_EVERY_S = 5.0
_DIED = f"It ended the process that made it, {MOST_STARTS} times."

MayGoOn = Callable[[], bool]


class _Stopped(Exception):
    """The worker is to end: another one goes on."""


def begin_audit(services: OperatorServices, order: AuditOrder) -> tuple[AuditRun, str | None]:
    """Writes the audit down, and why workers hear of it only with the next minute's look, if so.

    Raises SettingsError, ServiceUnavailable, DatabaseError.
    """
    target = {"since_s": order.since_s, "objects": order.objects}
    with recorded(services, "audit", target=target):
        begun = services.audit_runs.begin(order, services.actor)
    return begun, services.send([StepMessage(Step.RUN_AUDIT, WHOEVER)])


def find_audit(services: OperatorServices, audit_id: UUID) -> AuditRun:
    """An audit as it stands. Raises NotFound, SettingsError, ServiceUnavailable, DatabaseError."""
    found = services.audit_runs.find(audit_id)
    if found is None:
        raise NotFound(f"There is no audit {audit_id}.")
    return found


def latest_audits(services: OperatorServices, *, most: int) -> list[AuditRun]:
    """At most so many audits without their differences, the latest first. Raises as `find_audit`."""
    return services.audit_runs.latest(most)


def make_next_audit(services: OperatorServices, may_go_on: MayGoOn) -> None:
    """Makes the audit that waits longest, if one does and no other one is being made.

    What a neighbour refuses in the midst of it ends it with that sentence: ask again. Raises
    ServiceUnavailable, DatabaseError where the audit's own row cannot be written.
    """
    taken = services.audit_runs.take()
    if taken is None:
        return
    run, starts = taken
    if starts > MOST_STARTS:
        services.audit_runs.give_up(run.id, _DIED)
        return
    since = None if run.since_s is None else timedelta(seconds=run.since_s)
    tell = _Progress(services, run.id, may_go_on)
    try:
        found = audit(services, objects=run.objects, since=since, rises=True, tell=tell)
    except _Stopped:
        services.audit_runs.let_go(run.id)
    except QuelError as error:
        services.audit_runs.give_up(run.id, str(error))
    else:
        services.audit_runs.finish(run.id, found, tell.looked_at)


class _Progress:
    """Writes down what was looked through, every few seconds, and so keeps the lease. Raises _Stopped."""

    def __init__(self, services: OperatorServices, audit_id: UUID, may_go_on: MayGoOn) -> None:
        self._services, self._id, self._may_go_on = services, audit_id, may_go_on
        self.looked_at: dict[str, int] = {}
        self._told_at = time.monotonic()

    def __call__(self, what: str, count: int) -> None:
        if not self._may_go_on():
            raise _Stopped
        self.looked_at[what] = count
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            self._services.audit_runs.tell(self._id, self.looked_at)
