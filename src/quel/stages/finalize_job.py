"""finalize_job: closes a job that has nothing left to do, or was cancelled; the same answer each time."""

from uuid import UUID

from quel.core.job import JobStatus
from quel.core.steps import Nudge
from quel.observe.events import Event, emit
from quel.observe.logs import about
from quel.stages.closing import announce, clear_away
from quel.stages.services import Services


def finalize_job(services: Services, job_id: UUID) -> tuple[Nudge, ...]:
    """Closes job and production in one transaction, then forgets the job's bytes."""
    cancelled = services.cancellations.is_cancelled(job_id)
    closed = services.closings.close(job_id, cancelled=cancelled)
    if closed is None:
        return ()
    with about(path=closed.path):
        if closed.end.status is JobStatus.USER_CANCELLED:
            emit(Event.JOB_CANCELLED, made=closed.end.completed_images)
        if closed.merged is not None:
            emit(
                Event.IDS_MERGED,
                existing=closed.merged.existing,
                new=closed.merged.new,
                total=closed.merged.existing + closed.merged.new,
            )
        announce(closed)
    services.blobs.drop_job(job_id, closed.picture_keys, closed.planned)
    return clear_away(job_id, closed)
