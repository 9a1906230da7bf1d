"""Writes the path that a null path counts for, in small batches, while quel runs."""

from dataclasses import dataclass

from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class PathCounts:
    """How many jobs and productions; `left` are rows that somebody was writing, to be filled another time."""

    jobs: int
    productions: int
    left: int = 0


def count_without_path(services: OperatorServices) -> PathCounts:
    """Those that have no path and should. Raises ServiceUnavailable, DatabaseError."""
    return PathCounts(*services.backfill_paths.without_path())


def backfill_paths(services: OperatorServices) -> PathCounts:
    """Those that have their path now. Raises ServiceUnavailable, DatabaseError."""
    rows = services.backfill_paths
    with recorded(services, "backfill paths"):
        return PathCounts(rows.backfill_jobs(), rows.backfill_productions(), sum(rows.without_path()))
