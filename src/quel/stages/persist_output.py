"""persist_output: an answer becomes a stored, charged, counted WebP, once.

The provider call cannot be repeated for free, the rest can: a neighbour that is down raises
ServiceUnavailable, and the same image is persisted later from the bytes that are kept.
"""

from uuid import UUID

from quel.core.errors import StorageRefused, UnreadablePicture
from quel.core.generate_image import InsufficientCredits, Progress
from quel.core.job import JobStatus
from quel.core.persist_output import Delivered, OutputToPersist, Stale
from quel.core.pipeline import ImageState, Step, StepMessage
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context


def persist_output(services: Services, job_id: UUID, image_no: int) -> tuple[StepMessage, ...]:
    """Stores and charges one made image. Raises ServiceUnavailable when it must be tried again."""
    delivery = services.persist_output.load(job_id, image_no)
    if delivery is None:
        return ()
    with log_context(path=delivery.path, stage=delivery.stage):
        if delivery.state is not ImageState.MADE:
            _clear_away(services, delivery, delivery.state)
            return _closing_time(delivery)
        if delivery.job_status is JobStatus.PENDING:  # set back by hand: its bytes wait for the new claim
            return ()
        if delivery.job_status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(job_id):
            return (StepMessage(Step.FINALIZE_JOB, job_id),)
        return _persist(services, delivery)


def _persist(services: Services, delivery: OutputToPersist) -> tuple[StepMessage, ...]:
    answer = services.blobs.output(delivery.job_id, delivery.image_no)
    if answer is None:
        return _without_bytes(services, delivery)
    try:
        webp = services.imaging.to_webp(answer.data)
    except UnreadablePicture as error:
        return _unreadable(services, delivery, str(error))
    try:
        services.storage.write_result(delivery.result_path, webp)
    except StorageRefused as error:
        return _fail(services, delivery, error.code, str(error))
    return _deliver(services, delivery, len(webp))


def _without_bytes(services: Services, delivery: OutputToPersist) -> tuple[StepMessage, ...]:
    """The cache lost the answer: a worker may have stored it before; otherwise it is made again."""
    size_bytes = services.storage.stored_size_bytes(delivery.result_path)
    if size_bytes is not None:
        return _deliver(services, delivery, size_bytes)
    emit(Event.IMAGE_BYTES_LOST)
    return _make_again(services, delivery, broken=False)


def _deliver(services: Services, delivery: OutputToPersist, size_bytes: int) -> tuple[StepMessage, ...]:
    end = services.persist_output.deliver(delivery, size_bytes)
    match end:
        case Delivered(attach_id, balance, progress):
            emit(
                Event.IMAGE_STORED,
                attach_id=attach_id,
                bytes=size_bytes,
                credits=delivery.price,
                balance=balance,
            )
            log_progress(progress)
        case InsufficientCredits(progress, images, reason):
            emit(Event.IMAGE_FAILED, code="ran_dry", reason=reason, images=images)
            log_progress(progress)
            services.storage.delete_results([delivery.result_path])
        case Stale(ImageState.STORED):
            return _closing_time(delivery)
        case Stale(ImageState.MADE):
            return ()
        case Stale(state):
            emit(Event.IMAGE_DROPPED, state=state.value)
            _clear_away(services, delivery, state)
            return (StepMessage(Step.FINALIZE_JOB, delivery.job_id),)
    services.blobs.drop_output(delivery.job_id, delivery.image_no)
    return finalize_when_done(delivery.job_id, progress)


def _clear_away(services: Services, delivery: OutputToPersist, state: ImageState) -> None:
    """Deletes the object of an image that has ended unwanted; one that is made again will need its path."""
    if state in {ImageState.FAILED, ImageState.CANCELLED}:
        services.storage.delete_results([delivery.result_path])


def _unreadable(services: Services, delivery: OutputToPersist, reason: str) -> tuple[StepMessage, ...]:
    """A picture that passed the quick look and cannot be decoded is one more answer without a picture."""
    services.blobs.drop_output(delivery.job_id, delivery.image_no)
    if delivery.broken_answers + 1 < services.rules.retry.max_broken:
        emit(Event.IMAGE_RETRIED, code=UnreadablePicture.code)
        return _make_again(services, delivery, broken=True)
    return _fail(services, delivery, UnreadablePicture.code, reason)


def _make_again(services: Services, delivery: OutputToPersist, *, broken: bool) -> tuple[StepMessage, ...]:
    services.persist_output.make_again(delivery, broken=broken)
    return (StepMessage(Step.GENERATE_IMAGE, delivery.job_id, delivery.image_no),)


def _fail(services: Services, delivery: OutputToPersist, code: str, reason: str) -> tuple[StepMessage, ...]:
    progress = services.persist_output.fail(delivery, code=code, reason=reason)
    if progress is None:
        return ()
    emit(Event.IMAGE_FAILED, code=code, reason=reason)
    log_progress(progress)
    return finalize_when_done(delivery.job_id, progress)


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
    """The nudge that closes the job when no image is left."""
    return () if progress.remaining else (StepMessage(Step.FINALIZE_JOB, job_id),)


def _closing_time(delivery: OutputToPersist) -> tuple[StepMessage, ...]:
    if delivery.job_status is JobStatus.PROCESSING and delivery.state is not ImageState.READY:
        return (StepMessage(Step.FINALIZE_JOB, delivery.job_id),)
    return ()
