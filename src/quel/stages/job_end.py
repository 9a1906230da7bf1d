"""What follows the closing of a job: the one canonical line about it, and what it leaves is cleared away."""

from uuid import UUID

from quel.core.closing import ClosedJob, Leftovers
from quel.core.pipeline import Step, StepMessage
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context


def announce(closed: ClosedJob) -> None:
    """Logs how a job ended: images, seconds, credits."""
    with log_context(path=closed.path):
        emit(
            Event.JOB_FINISHED,
            outcome=closed.end.status.value,
            images=closed.end.completed_images,
            failed=closed.end.failed_images,
            planned=closed.remains.images,
            seconds=round(closed.seconds, 3),
            credits=closed.credits,
        )


def clear_away(services: Services, job_id: UUID, remains: Leftovers) -> tuple[StepMessage, ...]:
    """Forgets a job's bytes; returns the messages that delete objects nobody gets, as persist_output can."""
    services.blobs.drop_job(job_id, remains.picture_keys, remains.images)
    return tuple(StepMessage(Step.PERSIST_OUTPUT, job_id, image_no) for image_no in remains.dropped)
