"""Which jobs wait, run or have ended, and which ones the sweep leaves alone."""

from collections.abc import Sequence
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.job import JobStatus
from quel.core.operations.job_list import JobView
from quel.core.operations.lost_jobs import LostJob
from quel.operations.services import OperatorServices


def list_jobs(
    services: OperatorServices, *, path: str | None, status: JobStatus | None, most: int
) -> list[JobView]:
    """At most `most` jobs, the oldest first; None asks for every path or every status.

    A job without a path counts as one of the default path. Raises ServiceUnavailable, DatabaseError.
    """
    return services.job_list.jobs(path=path, status=status, most=most)


def find_jobs(services: OperatorServices, job_ids: Sequence[UUID]) -> list[JobView]:
    """Those of the jobs that have a row, the oldest first. Raises ServiceUnavailable, DatabaseError."""
    return services.job_list.jobs_by_id(job_ids)


def jobs_named(services: OperatorServices, job_ids: Sequence[UUID]) -> list[JobView]:
    """The same where every one must have a row. Raises NotFound naming those that have none."""
    views = find_jobs(services, job_ids)
    known = {view.job_id for view in views}
    unknown = [str(job_id) for job_id in job_ids if job_id not in known]
    if unknown:
        raise NotFound(f"There is no job {', '.join(unknown)}.")
    return views


def lost_jobs(services: OperatorServices) -> list[LostJob]:
    """Those among the oldest 20,000 open jobs that the sweep leaves alone, each with the reason.

    Raises ServiceUnavailable, DatabaseError.
    """
    return services.lost_jobs.jobs()
