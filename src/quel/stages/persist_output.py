"""persist_output: an answer becomes a stored, charged, counted WebP, once.

The provider call cannot be repeated for free, the rest can. While Storage or a payer's row cannot be had, the
image waits in its row: one message tries it again after pauses that double up to a minute, from the WebP that
was encoded once, or from the object that is stored already.
"""

from uuid import UUID, uuid4

from quel.core.errors import (
    Misconfigured,
    QuelError,
    RowLocked,
    ServiceUnavailable,
    StorageRefused,
    UnreadablePicture,
)
from quel.core.generate_image import InsufficientCredits
from quel.core.job import JobStatus
from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED, TOO_LARGE, Delivered, OutputToPersist, Stale
from quel.core.pipeline import MOST_STARTS, ImageState, Step, StepMessage
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import finalize_when_done, log_progress

_TOO_LARGE = "The finished picture is larger than the storage takes, so it could not be kept."
_MARGIN_S = 0.5  # a message must not arrive before the pause in its row is over
_ENDED_THE_PROCESS = (
    f"Storing the picture ended the process that worked on it {MOST_STARTS} times, so it was not tried again."
)


def persist_output(
    services: Services, job_id: UUID, image_no: int, *, owner: str | None = None, tries: int = 0
) -> tuple[StepMessage, ...]:
    """Stores and charges one made image. Raises ServiceUnavailable when it must be tried again.

    `owner` is the message, which may begin again what it began; `tries` counts how often it ended in order
    with an error.
    """
    output = services.persist_output.begin(job_id, image_no, owner or uuid4().hex)
    if output is None:
        return ()
    with log_context(path=output.path, stage=output.stage):
        if output.state is not ImageState.MADE:
            _forget_unwanted(services, output, output.state)
            return _finalize_if_processing(output)
        if output.job_status is JobStatus.PENDING:  # set back by hand: its bytes wait for the new claim
            return ()
        if output.job_status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(job_id):
            return (StepMessage(Step.FINALIZE_JOB, job_id),)
        if not output.begun:  # another message is at it, or will be when its pause is over
            return ()
        if output.starts > tries + MOST_STARTS:
            return _fail(services, output, "ends_the_process", _ENDED_THE_PROCESS)
        return _persist(services, output)


def _persist(services: Services, output: OutputToPersist) -> tuple[StepMessage, ...]:
    if output.object_bytes is not None:
        return _deliver(services, output, output.object_bytes)
    answer = services.blobs.output(output.job_id, output.image_no)
    if answer is None:
        return _without_bytes(services, output)
    try:
        webp = _encoded(services, output, answer)
    except UnreadablePicture as error:
        return _unreadable(services, output, str(error))
    try:
        services.storage.write_result(output.result_path, webp)
    except StorageRefused as error:
        return _fail(services, output, error.code, str(error))
    except ServiceUnavailable as error:
        if answer.mime_type != ENCODED:
            _keep_encoded(services, output, webp)
        return _wait_or_fail(services, output, error)
    return _deliver(services, output, len(webp))


def _encoded(services: Services, output: OutputToPersist, answer: PictureBytes) -> bytes:
    if answer.mime_type == ENCODED:
        return answer.data
    return services.imaging.to_webp(answer.data, output.source_type)


def _keep_encoded(services: Services, output: OutputToPersist, webp: bytes) -> None:
    """In place of the answer, so that it is encoded once; where that fails, the answer is still kept."""
    try:
        services.blobs.keep_webp(output.job_id, output.image_no, webp)
    except QuelError as error:
        emit(Event.IMAGE_UNKEPT, code=error.code, reason=str(error))


def _wait_or_fail(
    services: Services, output: OutputToPersist, error: ServiceUnavailable
) -> tuple[StepMessage, ...]:
    """A picture that is too large waits for an operator only so long: its bytes take room in the cache."""
    messages = _postpone(services, output, error)
    fault = error.fault if isinstance(error, Misconfigured) else ""
    if not any(output.outlasts(fault, message.delay_s) for message in messages):
        return messages
    services.blobs.drop_output(output.job_id, output.image_no)
    return _fail(services, output, TOO_LARGE, _TOO_LARGE)


def _postpone(
    services: Services, output: OutputToPersist, error: QuelError, object_bytes: int | None = None
) -> tuple[StepMessage, ...]:
    messages = _let_go(services, output, object_bytes)
    for message in messages:
        emit(Event.IMAGE_POSTPONED, code=error.code, reason=str(error), pause_s=round(message.delay_s, 1))
    if isinstance(error, Misconfigured):
        emit(Event.STORAGE_NEEDS_OPERATOR, reason=error.fault, said=str(error))
    return messages


def _let_go(services: Services, output: OutputToPersist, object_bytes: int | None) -> tuple[StepMessage, ...]:
    """Ends this message's lease; the message for the next try, none for an image that waits no longer."""
    pause_s = services.persist_output.postpone(output, object_bytes=object_bytes)
    if pause_s is None:
        return ()
    return (StepMessage(Step.PERSIST_OUTPUT, output.job_id, output.image_no, pause_s + _MARGIN_S),)


def _without_bytes(services: Services, output: OutputToPersist) -> tuple[StepMessage, ...]:
    """The cache lost the answer: a worker may have stored it before; otherwise it is made again."""
    try:
        size_bytes = services.storage.stored_size_bytes(output.result_path)
    except ServiceUnavailable as error:
        return _postpone(services, output, error)
    if size_bytes is not None:
        return _deliver(services, output, size_bytes)
    emit(Event.IMAGE_BYTES_LOST)
    return _make_again(services, output, broken=False)


def _deliver(services: Services, output: OutputToPersist, size_bytes: int) -> tuple[StepMessage, ...]:
    try:
        end = services.persist_output.deliver(output, size_bytes)
    except RowLocked as error:
        return _postpone(services, output, error, size_bytes)
    followers: tuple[int, ...] = ()
    match end:
        case Delivered(attach_id, balance, progress, followers):
            emit(
                Event.IMAGE_STORED,
                attach_id=attach_id,
                bytes=size_bytes,
                credits=output.price,
                balance=balance,
            )
            log_progress(progress)
        case InsufficientCredits(progress, images, reason):
            emit(Event.IMAGE_FAILED, code="ran_dry", reason=reason, images=images)
            log_progress(progress)
            services.storage.delete_results([output.result_path])
        case Stale(ImageState.STORED):
            return _finalize_if_processing(output)
        case Stale(ImageState.MADE):  # set back by hand meanwhile: let go of it, for the new claim
            return _let_go(services, output, size_bytes)
        case Stale(state):
            emit(Event.IMAGE_DROPPED, state=state.value)
            _forget_unwanted(services, output, state)
            return (StepMessage(Step.FINALIZE_JOB, output.job_id),)
    services.blobs.drop_output(output.job_id, output.image_no)
    follow = tuple(StepMessage(Step.GENERATE_IMAGE, output.job_id, image_no) for image_no in followers)
    return (*follow, *finalize_when_done(output.job_id, progress))


def _forget_unwanted(services: Services, output: OutputToPersist, state: ImageState) -> None:
    """Forgets the picture of an image that has ended unwanted; one that is made again will need its path."""
    if state in {ImageState.FAILED, ImageState.CANCELLED}:
        services.blobs.drop_output(output.job_id, output.image_no)
        services.storage.delete_results([output.result_path])


def _unreadable(services: Services, output: OutputToPersist, reason: str) -> tuple[StepMessage, ...]:
    """A picture that passed the quick look and cannot be decoded is one more answer without a picture."""
    services.blobs.drop_output(output.job_id, output.image_no)
    if output.broken_answers + 1 < services.rules.retry.max_broken:
        emit(Event.IMAGE_RETRIED, code=UnreadablePicture.code)
        return _make_again(services, output, broken=True)
    return _fail(services, output, UnreadablePicture.code, reason)


def _make_again(services: Services, output: OutputToPersist, *, broken: bool) -> tuple[StepMessage, ...]:
    services.persist_output.make_again(output, broken=broken)
    return (StepMessage(Step.GENERATE_IMAGE, output.job_id, output.image_no),)


def _fail(services: Services, output: OutputToPersist, code: str, reason: str) -> tuple[StepMessage, ...]:
    progress = services.persist_output.fail(output, code=code, reason=reason)
    if progress is None:
        return ()
    emit(Event.IMAGE_FAILED, code=code, reason=reason)
    log_progress(progress)
    return finalize_when_done(output.job_id, progress)


def _finalize_if_processing(output: OutputToPersist) -> tuple[StepMessage, ...]:
    """An image that is to be made again keeps its job open."""
    if output.job_status is JobStatus.PROCESSING and output.state is not ImageState.READY:
        return (StepMessage(Step.FINALIZE_JOB, output.job_id),)
    return ()
