"""Keeps a paid answer before anything else that can fail: in Redis, or where that has no room, in Storage."""

from quel.core.errors import DatabaseError, NoRoom, ServiceUnavailable, SettingsError, StorageRefused
from quel.core.generate_image import ClaimedImage
from quel.core.outcome import PictureBytes
from quel.core.pipeline import FINAL_STATES, ImageState
from quel.core.services import Services
from quel.observe.events import Event, emit

_TRYING_S = 240.0  # below the actor's time limit, which adds five minutes to a call's deadline
_PAUSE_S = 1.0


def keep_answer(services: Services, claimed: ClaimedImage, picture: PictureBytes) -> bool:
    """Keeps the answer, which cannot be had again for free: in Redis, or at its final key in the bucket.

    Tried for minutes where Redis has no room or is away and Storage does not take it either. Tells whether
    it is stored at once. Raises ServiceUnavailable after that, UnreadablePicture where it is none.
    """
    give_up_at = services.clock.monotonic_s() + _TRYING_S
    while True:
        try:
            services.blobs.put_output(claimed.job_id, claimed.image_no, picture)
        except ServiceUnavailable as error:
            emit(Event.IMAGE_UNKEPT, code=error.code, reason=str(error))
            is_late = services.clock.monotonic_s() > give_up_at
            if (is_late or isinstance(error, NoRoom)) and _store_at_once(services, claimed, picture):
                return True
            if is_late:
                raise
            services.clock.sleep(_PAUSE_S)
        else:
            return False


def delete_stored(services: Services, claimed: ClaimedImage) -> None:
    """Deletes an answer that was stored at once and turned down, unless another take lies there by now."""
    output = services.persist_output.load(claimed.job_id, claimed.image_no)
    if output is not None and output.state not in {ImageState.MADE, ImageState.STORED}:
        services.storage.delete_results([output.result_path])


def _store_at_once(services: Services, claimed: ClaimedImage, picture: PictureBytes) -> bool:
    """Stores an answer as persist_output would, which then finds it and delivers it; False when it cannot.

    An image that has ended meanwhile, or been made by another call, needs no second picture.
    """
    try:
        output = services.persist_output.load(claimed.job_id, claimed.image_no)
        if output is None or output.state in {ImageState.MADE, *FINAL_STATES}:
            return True
        webp = services.imaging.to_webp(picture.data, output.source_type)
        services.storage.write_result(output.result_path, webp)
    except (ServiceUnavailable, StorageRefused, DatabaseError, SettingsError) as error:
        emit(Event.IMAGE_UNKEPT, code=error.code, reason=str(error))
        return False
    emit(Event.IMAGE_STORED_AT_ONCE, bytes=len(webp))
    return True
