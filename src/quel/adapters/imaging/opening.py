"""Opens bytes as a picture of a known format within a pixel limit, before anything is decoded.

Whatever broken bytes make Pillow's decoders raise comes out as one error with a sentence.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import AvifImagePlugin, Image, PngImagePlugin
from pillow_heif import register_heif_opener

from quel.adapters.imaging.formats import READ, NotAPictureError, mime_type_of, stranger
from quel.adapters.imaging.jpeg_part import JPEG_END
from quel.adapters.imaging.part import Part
from quel.adapters.imaging.png_part import colour_coding

# What people upload. Others that Pillow opens (EPS runs Ghostscript, PSD, FITS, …) only widen the attack
# surface.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")

# One thread a picture: as many pictures are decoded at once as there are CPUs. No preview in place of the
# picture.
register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# A JPEG's own limit. Longer rows and more of them, which other formats allow, cost decoders more than their
# pixels: three copies of a row, a pointer to each.
_MAX_EDGE_PX = 65_535

# What a PNG's profile may unpack to; Pillow's own limit of 1 MB refuses the whole picture of a printer's.
PngImagePlugin.MAX_TEXT_CHUNK = 8 * 1024 * 1024

_PNG_COLOUR_TYPE_AT = 25

_SUBFILE_TYPE, _REDUCED = 254, 1  # TIFF 6.0, section 8
_DNG_VERSION = 50706

# Coded data of no picture, with every restart marker: a decoder that lacks rows takes it for them.
_NO_ROWS = b"".join(
    bytes(number * 37 % 251 for number in range(64)) + bytes((0xFF, 0xD0 + turn % 8)) for turn in range(16)
)


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


def open_picture(part: Part, max_pixels: int) -> Image.Image:
    """The picture with its header read and nothing decoded yet. Raises NotAPictureError."""
    if not part.data:
        raise NotAPictureError("is empty")
    if mime_type_of(part.data) is None:
        what = stranger(part.data)
        raise NotAPictureError(f"is {what}, not a {READ} picture")
    with pillow_errors():
        picture = Image.open(io.BytesIO(part.data), formats=FORMATS)
        if coding := colour_coding(part.data):
            picture.info["cicp"] = coding
        if picture.format == "PNG":  # Pillow makes RGBA of 16-bit greys with transparency
            picture.info["is_grey"] = part.data[_PNG_COLOUR_TYPE_AT] in (0, 4)
        if picture.format == "TIFF" and _is_raw(picture):
            raise NotAPictureError(f"is a raw photograph, not a {READ} picture")
    size = f"{picture.width}×{picture.height} pixels"
    if picture.width * picture.height > max_pixels:
        raise NotAPictureError(f"has {size}, more than the {max_pixels / 1e6:g} million allowed")
    if max(picture.size) > _MAX_EDGE_PX:
        raise NotAPictureError(f"has {size}, and no edge may be longer than {_MAX_EDGE_PX:,}")
    return picture


def _is_raw(picture: Image.Image) -> bool:
    """Whether a TIFF is a camera's own: what it shows first is a small preview."""
    tags = picture.tag_v2  # type: ignore[attr-defined]
    return _DNG_VERSION in tags or bool(int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED)


def check_every_row(part: Part) -> None:
    """Raises NotAPictureError for a JPEG without its end marker that lacks more than that.

    libjpeg fills what is missing in silence. So the picture is decoded once as it is and once with other
    bytes in place of the end: if all rows are there, nobody looks at them.
    """
    if part.complete:
        return
    without_end = part.data.removesuffix(JPEG_END)
    if _decoded_digest(part.data) != _decoded_digest(without_end + _NO_ROWS + JPEG_END):
        raise NotAPictureError("is damaged or cut off")


def _decoded_digest(data: bytes) -> bytes:
    digest = hashlib.sha256()
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        if not picture.info.get("progressive"):  # there an eighth of the size shows the first scan alone
            picture.draft(None, (picture.width // 8, picture.height // 8))
        picture.load()
        for top in range(0, picture.height, 64):
            digest.update(picture.crop((0, top, picture.width, min(top + 64, picture.height))).tobytes())
    return digest.digest()
