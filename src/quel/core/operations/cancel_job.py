"""What became of jobs that an operator cancelled, told from their rows alone."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from quel.core.job import JobStatus
from quel.core.operations.job_list import JobView


class CancelOutcome(StrEnum):
    """How a cancellation ended for one job."""

    UNKNOWN = "unknown"  # there is no such job
    CANCELLED = "cancelled"  # its end is written
    CANCELLING = "cancelling"  # its key is set, and a worker closes it
    ENDED = "ended"  # it had ended otherwise


@dataclass(frozen=True)
class CancelledJob:
    """One job's outcome; `delivered` of `images` are there and stay. `status` is None for an unknown job."""

    job_id: UUID
    outcome: CancelOutcome
    status: JobStatus | None = None
    delivered: int = 0
    images: int = 0


@dataclass(frozen=True)
class Cancellation:
    """Every job that was named, in that order; `unsent` says why workers could not be told, if so."""

    jobs: tuple[CancelledJob, ...]
    unsent: str | None = None


def outcome_of(job_id: UUID, view: JobView | None) -> CancelledJob:
    """What a job's row says after it was cancelled; None for one that has no row."""
    if view is None:
        return CancelledJob(job_id, CancelOutcome.UNKNOWN)
    return CancelledJob(job_id, _outcome(view), view.status, view.completed, view.total_images)


def _outcome(view: JobView) -> CancelOutcome:
    if not view.is_closed:
        return CancelOutcome.CANCELLING
    return CancelOutcome.CANCELLED if view.is_cancelled else CancelOutcome.ENDED
