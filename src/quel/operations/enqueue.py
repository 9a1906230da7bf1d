"""Puts a job that has a row on the raw list, as the old server's endpoint did for the front end."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.job import JobStatus
from quel.operations.job_list import find_jobs
from quel.operations.job_row import check_own
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class Enqueued:
    """The list, and how long it is now; None for a job that is pending no more, which is not pushed."""

    queue: str
    length: int | None
    status: JobStatus


def enqueue(services: OperatorServices, job_id: UUID, org_id: UUID | None) -> Enqueued:
    """Pushes a pending job's id; to do it twice is harmless.

    Raises NotFound for a job without a row, or of another organization than `org_id`; SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    check_own(services, [job_id], org_id)
    found = find_jobs(services, [job_id])
    if not found:
        raise NotFound("Job not found")
    queue, status = services.settings.ingest_queues[0], found[0].status
    if status is not JobStatus.PENDING:
        return Enqueued(queue, None, status)
    return Enqueued(queue, services.push(job_id), status)
