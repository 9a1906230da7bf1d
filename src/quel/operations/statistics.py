"""What became of the jobs of a span of time: by path, by type, by the reason of what failed, by who paid.

Hours that nobody has counted yet are counted first, once for all who ask later.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from quel.core.operations.statistics import Grouping, GroupStats, PayerStats, ReasonStats
from quel.operations.services import OperatorServices

MOST_PAYERS = 1_000

Told = Callable[[int], object]
"""Is told how many hours have been counted so far, where there were any to count."""


def count_groups(
    services: OperatorServices, by: Grouping, since: timedelta, tell: Told | None = None
) -> list[GroupStats]:
    """The jobs created within `since` by path or type, in alphabetical order.

    Raises ServiceUnavailable, DatabaseError.
    """
    _count_hours(services, since, tell)
    return services.statistics.groups(by, since)


def count_reasons(
    services: OperatorServices, since: timedelta, tell: Told | None = None
) -> list[ReasonStats]:
    """What failed of them, by reason, the most frequent first. Raises as `count_groups`."""
    _count_hours(services, since, tell)
    return services.statistics.reasons(since)


def count_payers(
    services: OperatorServices,
    since: timedelta,
    *,
    organizations: bool | None = None,
    only: UUID | None = None,
    most: int = MOST_PAYERS,
    tell: Told | None = None,
) -> list[PayerStats]:
    """Who pays for them, those first who paid the most; None asks for organizations and members, and for all.

    Raises as `count_groups`.
    """
    _count_hours(services, since, tell)
    return services.statistics.payers(since, organizations=organizations, most=most, only=only)


def _count_hours(services: OperatorServices, since: timedelta, tell: Told | None) -> None:
    counted = 0
    while made := services.tally.make_missing(since):
        counted += made
        if tell is not None:
            tell(counted)
