"""What follows the closing of a job: the one canonical line about it, and the objects nobody gets."""

from uuid import UUID

from quel.core.closing import ClosedJob
from quel.core.steps import Nudge, Stage
from quel.observe.events import Event, emit
from quel.observe.logs import about


def announce(closed: ClosedJob) -> None:
    """Logs how a job ended: images, seconds, credits."""
    with about(path=closed.path):
        emit(
            Event.JOB_FINISHED,
            outcome=closed.end.status.value,
            images=closed.end.completed_images,
            failed=closed.end.failed_images,
            planned=closed.planned,
            seconds=round(closed.seconds, 3),
            credits=closed.credits,
        )


def clear_away(job_id: UUID, closed: ClosedJob) -> tuple[Nudge, ...]:
    """The nudges that delete the objects of images nobody gets: only persist_output knows the bucket."""
    return tuple(Nudge(Stage.PERSIST_OUTPUT, job_id, image_no) for image_no in closed.dropped)
