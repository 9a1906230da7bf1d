"""finalize_job: closes a job that has nothing left to do, or was cancelled; the same answer each time."""

from uuid import UUID

from quel.core.job import JobStatus
from quel.core.job_end import ClosedJob
from quel.core.kind import MADE_HERE
from quel.core.pipeline import StepMessage
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import announce, clear_away


def finalize_job(services: Services, job_id: UUID) -> tuple[StepMessage, ...]:
    """Closes job and production in one transaction, then clears away what the job leaves."""
    if services.fetch_job.unclaimed_kind(job_id) not in {None, *MADE_HERE}:
        emit(Event.JOB_IGNORED, status="another program's")
        return ()  # another program's job, which closes it itself
    keys = services.cancellations
    still = (lambda: keys.is_set(job_id)) if keys.is_cancelled(job_id) else None
    closed = services.finalize_job.close(job_id, cancelled=still)
    if closed is None:
        # It is open, or was ended by somebody else or by a worker that died before it had cleared away.
        leftovers = services.finalize_job.withdraw_ended(job_id)
        if leftovers is None:
            return ()
        if leftovers.withdrawn:
            emit(Event.JOB_WITHDRAWN, images=leftovers.withdrawn)
        return clear_away(services, job_id, leftovers)
    _tell(closed)
    return clear_away(services, job_id, closed.leftovers)


def _tell(closed: ClosedJob) -> None:
    with log_context(path=closed.path):
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
