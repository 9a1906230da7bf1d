"""Tells of a job that has just been closed: the one canonical line a job."""

from quel.core.closing import ClosedJob
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
