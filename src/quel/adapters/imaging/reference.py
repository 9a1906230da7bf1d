"""A customer's reference as the provider takes it: upright, RGB, still, and without its metadata."""

import io

from PIL import Image

from quel.adapters.imaging.colours import to_srgb
from quel.adapters.imaging.formats import mime_type_of
from quel.adapters.imaging.rgb import orientation_of, upright_rgb
from quel.adapters.imaging.tiles import Size
from quel.adapters.imaging.whitelist import to_send
from quel.core.outcome import PictureBytes

# Gemini scales what it is shown to at most 3072×3072; more only costs upload time, with every image of a job.
MAX_EDGE_PX = 3072

# 14 pictures of this size, in base64, stay below the 100 MB that a request with inline data may have.
MAX_SENT_BYTES = 4_000_000

# JPEG for what is encoded anew: q95 without colour subsampling takes 4 ms and 290 KB at 1344×768 and keeps
# the lettering on a package; PNG takes 870–1,020 KB, uploaded again for every image of the job.
_QUALITY = 95
_FALLBACK_QUALITY = 80

_PNG_BIT_DEPTH_AT = 24  # in the header chunk, which comes first


def normalised(picture: Image.Image, data: bytes) -> PictureBytes:
    """The reference to send, from an opened picture and the file it is in. Of a JPEG or PNG that is fine
    already, what decodes it goes through as it is.

    Raises what decoders raise. Costs memory as `cost_bytes` says with `fitting_size` for the result.
    """
    fitting_px = fitting_size(picture.size)
    fits = fitting_px == picture.size
    picture.draft(None, fitting_px)  # JPEG decodes at a half, quarter or eighth where that is enough
    picture.load()
    if fits and _is_fine(picture, data) and len(sent := to_send(data).data) <= MAX_SENT_BYTES:
        return PictureBytes(sent, mime_type_of(sent) or "")
    return PictureBytes(jpeg(upright_rgb(picture, fitting_size(picture.size))), "image/jpeg")


def fitting_size(size_px: Size) -> Size:
    """The size itself, or the largest of its shape whose longer edge is MAX_EDGE_PX."""
    shrink = min(1.0, MAX_EDGE_PX / max(size_px))
    return max(1, round(size_px[0] * shrink)), max(1, round(size_px[1] * shrink))


def _is_fine(picture: Image.Image, data: bytes) -> bool:
    eight_bit_png = picture.format == "PNG" and data[_PNG_BIT_DEPTH_AT] == 8
    return (
        (eight_bit_png or picture.format == "JPEG")
        and picture.mode == "RGB"
        and not picture.has_transparency_data
        and orientation_of(picture) == 1
        and to_srgb(picture) is None
    )


def jpeg(picture: Image.Image) -> bytes:
    """A picture in mode RGB as it is sent."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    if buffer.tell() > MAX_SENT_BYTES:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_FALLBACK_QUALITY)
    return buffer.getvalue()
