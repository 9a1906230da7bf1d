"""How far jobs are, for those who watch them."""

from collections.abc import Sequence
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.operations.job_progress import JobProgress
from quel.operations.services import OperatorServices

MOST_OPEN = 500


def job_progress(services: OperatorServices, job_id: UUID, org_id: UUID | None) -> JobProgress:
    """The job as it stands.

    Raises NotFound, also where `org_id` is given and has not ordered it; ServiceUnavailable, DatabaseError.
    """
    found = services.job_progress.of([job_id])
    if not found or (org_id is not None and found[0].org_id != org_id):
        raise NotFound(f"There is no job {job_id}.")
    return found[0]


def progress_of(services: OperatorServices, job_ids: Sequence[UUID]) -> list[JobProgress]:
    """Those of the jobs that have a row. Raises ServiceUnavailable, DatabaseError."""
    return services.job_progress.of(job_ids)


def open_jobs(services: OperatorServices, followed: Sequence[UUID] = ()) -> list[JobProgress]:
    """The newest open jobs, MOST_OPEN at most, and those `followed` that have a row; without images.

    Raises ServiceUnavailable, DatabaseError.
    """
    return services.job_progress.open(MOST_OPEN, followed)
