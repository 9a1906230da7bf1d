"""How a job comes to its end: progress told, closed when no image is left, announced, cleared away."""

from uuid import UUID

from quel.core.generate_image import Progress
from quel.core.job_end import ClosedJob, Leftovers
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
            planned=closed.leftovers.images,
            seconds=round(closed.seconds, 3),
            credits=closed.credits,
        )


def clear_away(services: Services, job_id: UUID, leftovers: Leftovers) -> tuple[StepMessage, ...]:
    """Forgets a job's bytes; returns the messages that tell of its end, and those that delete objects nobody
    gets, as persist_output can.
    """
    services.blobs.drop_job(job_id, leftovers.picture_keys, leftovers.images)
    dropped = (StepMessage(Step.PERSIST_OUTPUT, job_id, image_no) for image_no in leftovers.dropped)
    return (*dropped, *tell_receivers(job_id, leftovers))


def tell_receivers(job_id: UUID, leftovers: Leftovers) -> tuple[StepMessage, ...]:
    """The message that has the job's webhooks delivered, where there are any."""
    return (StepMessage(Step.DELIVER_WEBHOOK, job_id),) if leftovers.webhooks else ()


def log_progress(progress: Progress) -> None:
    """Logs x of y and percent, and the end of a stage."""
    ended = progress.stored + progress.failed
    emit(
        Event.PROGRESS,
        done=ended,
        of=progress.planned,
        percent=round(100 * ended / max(progress.planned, 1)),
        stored=progress.stored,
        failed=progress.failed,
    )
    if progress.stage_remaining == 0:
        emit(
            Event.STAGE_FINISHED,
            images=progress.stage_stored,
            of=progress.stage_planned,
            seconds=round(progress.seconds, 3),
        )


def finalize_when_done(job_id: UUID, progress: Progress) -> tuple[StepMessage, ...]:
    """The message that closes the job when no image is left."""
    return () if progress.remaining else (StepMessage(Step.FINALIZE_JOB, job_id),)
