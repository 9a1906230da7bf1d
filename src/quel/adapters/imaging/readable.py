"""Tells in a millisecond or two whether an answer is a picture that can be read, without decoding all of it.

Measured on 1344×768: PNG checksums 0.3 ms against 22 ms for decoding, JPEG at an eighth of its size 1.4 ms
against 3 ms. Both find a picture that was cut off.
"""

from quel.adapters.imaging.formats import NotAPictureError, mime_type_of
from quel.adapters.imaging.workbench import Workbench
from quel.core.errors import UnreadablePicture

_BENCH = Workbench()


def check_readable(data: bytes, bench: Workbench = _BENCH) -> str:
    """The picture's true MIME type. Raises UnreadablePicture with a sentence."""
    mime_type = mime_type_of(data)
    try:
        if mime_type == "image/png":
            bench.verify(data)
        else:
            with bench.opened(data, lambda _size_px: (0, 0)) as picture:
                picture.draft("RGB", (picture.width // 8, picture.height // 8))  # JPEG only, else no effect
                picture.load()
    except NotAPictureError as problem:
        raise UnreadablePicture(f"The provider's picture {problem}.") from None
    return mime_type or "application/octet-stream"
