"""Tells in a millisecond or two whether an answer is a picture that can be read, without decoding all of it.

Measured on 1344×768: PNG checksums 0.3 ms against 22 ms for decoding, JPEG at an eighth of its size 1.4 ms
against 3 ms. Both find a picture that was cut off.
"""

from quel.adapters.imaging.opening import NotAPictureError, mime_type_of, open_picture, pillow_errors
from quel.core.errors import UnreadablePicture


def check_readable(data: bytes, max_pixels: int = 50_000_000) -> str:
    """The picture's true MIME type. Raises UnreadablePicture with a sentence."""
    try:
        picture = open_picture(data, max_pixels)
        with pillow_errors(), picture:
            if picture.format == "PNG":
                picture.verify()
            else:
                picture.draft("RGB", (picture.width // 8, picture.height // 8))  # JPEG only, else no effect
                picture.load()
    except NotAPictureError as problem:
        raise UnreadablePicture(f"The provider's picture {problem}.") from None
    return mime_type_of(data) or "application/octet-stream"
