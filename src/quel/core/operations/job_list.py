"""A job as people look at it, and what they are told has become of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quel.core.finalize_job import CANCELLED_STATUSES, OPEN_STATUSES
from quel.core.job import JobStatus


@dataclass(frozen=True)
class JobView:
    """A job's row for people. `age_s` counts from its creation, `recoveries` are the sweep's."""

    job_id: UUID
    job_type: str
    status: JobStatus
    path: str
    total_images: int
    completed: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    recoveries: int
    age_s: float

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in OPEN_STATUSES

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended, or was marked to end, by a cancellation."""
        return self.status in CANCELLED_STATUSES

    @property
    def is_closed(self) -> bool:
        """Whether its end is written: the front end may have marked a row as cancelled that is still open."""
        return self.has_ended and (not self.is_cancelled or self.completed_at is not None)
