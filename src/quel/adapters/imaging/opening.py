"""Opens bytes as a picture of a known format within a pixel limit, before anything is decoded.

Whatever broken bytes make Pillow's decoders raise comes out as one error with a sentence.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, features

# What people upload. Others that Pillow opens (EPS runs Ghostscript, PSD, FITS, …) only widen the attack
# surface; HEIC would need a plugin.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(("AVIF",) if features.check("avif") else ()))

# A JPEG's own limit. Longer rows and more of them, which other formats allow, cost decoders more than their
# pixels: three copies of a row, a pointer to each.
_MAX_EDGE_PX = 65_535

_MAGIC_BYTES: tuple[tuple[bytes, int, str], ...] = (
    # (bytes, offset, MIME type)
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"BM", 0, "image/bmp"),
    (b"II*\x00", 0, "image/tiff"),
    (b"MM\x00*", 0, "image/tiff"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypavis", 4, "image/avif"),
)

_NAMED_STRANGERS: tuple[tuple[bytes, int, str], ...] = (
    (b"%PDF", 0, "a PDF document"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an XML document or SVG drawing"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
    (b"ftyphei", 4, "a HEIC photograph"),
    (b"ftypmif1", 4, "a HEIC photograph"),
)


class NotAPictureError(Exception):
    """The bytes are no picture quel reads; the message is a predicate: "is empty", "is a PDF document"."""


def mime_type_of(data: bytes) -> str | None:
    """The MIME type the first bytes tell, None for what is no picture format quel knows."""
    return next((mime for magic, at, mime in _MAGIC_BYTES if data[at : at + len(magic)] == magic), None)


@contextmanager
def pillow_errors() -> Iterator[None]:
    """Turns whatever Pillow raises inside into NotAPictureError."""
    try:
        yield
    except NotAPictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotAPictureError("has too many pixels") from None
    except Exception:  # noqa: BLE001  decoders raise anything from struct.error to MemoryError on broken bytes
        raise NotAPictureError("is damaged or cut off") from None


def open_picture(data: bytes, max_pixels: int) -> Image.Image:
    """The picture with its header read and nothing decoded yet. Raises NotAPictureError."""
    if not data:
        raise NotAPictureError("is empty")
    if mime_type_of(data) is None:
        raise NotAPictureError(f"is {_stranger(data)}, not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture")
    with pillow_errors():
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    size = f"{picture.width}×{picture.height} pixels"
    if picture.width * picture.height > max_pixels:
        raise NotAPictureError(f"has {size}, more than the {max_pixels / 1e6:g} million allowed")
    if max(picture.size) > _MAX_EDGE_PX:
        raise NotAPictureError(f"has {size}, and no edge may be longer than {_MAX_EDGE_PX:,}")
    return picture


def _stranger(data: bytes) -> str:
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, at, name in _NAMED_STRANGERS:
        if head[at : at + len(magic)].lower() == magic.lower():
            return name
    return "something else"
