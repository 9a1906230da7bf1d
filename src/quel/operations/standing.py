"""How it stands at this moment: what waits where, how much of the quota is used, who works."""

from dataclasses import dataclass

from quel.core.operations.backlog import JobBacklog, QueueBacklog
from quel.core.operator_fault import OperatorFault, operator_fault
from quel.core.quota import QuotaUse
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class Standing:
    """What waits in the rows, and what in the lists and queues."""

    rows: JobBacklog
    lists: QueueBacklog


@dataclass(frozen=True)
class QuotaStanding:
    """What is used, the limits (None where there is none), and what keeps calls away, for how long."""

    used: QuotaUse
    per_minute: int | None
    per_day: int | None
    at_once: int | None
    closed_for_s: float
    closed_for: str
    fault: OperatorFault | None


def standing(services: OperatorServices) -> Standing:
    """What waits. Raises SettingsError, ServiceUnavailable, DatabaseError, QuestionTooLong."""
    return Standing(services.job_backlog.read(), services.queue_backlog.read())


def quota_standing(services: OperatorServices) -> QuotaStanding:
    """How much of the provider's quota is used. Raises SettingsError, ServiceUnavailable."""
    settings, reason = services.settings, services.quota.state().get("reason", "")
    return QuotaStanding(
        services.quota_use(),
        settings.gemini_rpm,
        settings.gemini_rpd,
        settings.gemini_concurrency,
        round(services.quota.blocked_for_s(), 1),
        reason,
        operator_fault(reason),
    )


def programs_seen_s(services: OperatorServices) -> list[float]:
    """How many seconds ago each program spoke to the broker. Raises SettingsError, ServiceUnavailable."""
    return [round(seconds, 1) for seconds in sorted(services.programs_seen_s())]
