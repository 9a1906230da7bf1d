"""What became of the jobs of a span of time: by path, by type, or by the reason of what failed."""

from datetime import timedelta

from quel.core.operations.statistics import Grouping, GroupStats, ReasonStats
from quel.operations.services import OperatorServices


def count_groups(services: OperatorServices, by: Grouping, since: timedelta) -> list[GroupStats]:
    """The jobs created within `since` by path or type, in alphabetical order.

    Raises ServiceUnavailable, DatabaseError.
    """
    return services.statistics.groups(by, since)


def count_reasons(services: OperatorServices, since: timedelta) -> list[ReasonStats]:
    """What failed of them, by reason, the most frequent first. Raises as `count_groups`."""
    return services.statistics.reasons(since)
