"""A mask: a picture with transparency whose strokes mark what to change in another picture.

Strokes hide what lies under them only as far as they are opaque; outside of them nothing is touched.
"""

import io

from PIL import Image

from quel.adapters.imaging.reference import fitting_size, jpeg
from quel.adapters.imaging.rgb import upright_rgb, upright_rgba
from quel.adapters.imaging.workbench import Workbench
from quel.core.outcome import PictureBytes

_OPAQUE = 255
_HALF = 128


def normalised_mask(picture: Image.Image) -> PictureBytes:
    """An opened picture as a PNG with transparency: upright, sRGB, without metadata, within MAX_EDGE_PX.

    What is opaque from edge to edge marks the whole picture, and is half transparent afterwards: else nobody
    could see what it marks. Raises what decoders raise. Costs memory as `cost_bytes` says with `fitting_size`
    and MASK_RESULT.
    """
    picture.load()
    layer = upright_rgba(picture, fitting_size(picture.size))
    if layer.getchannel("A").getextrema() == (_OPAQUE, _OPAQUE):
        layer.putalpha(_HALF)
    return _png(layer)


def marked(original: PictureBytes, mask: PictureBytes, bench: Workbench) -> PictureBytes:
    """A normalised picture with a normalised mask laid over it, at its size. Raises NotAPictureError."""
    with bench.opened_together([original.data, mask.data], lambda size_px: size_px) as (below, above):
        below.load()
        canvas, layer = upright_rgb(below), upright_rgba(above, below.size)
        canvas.paste(layer.convert("RGB"), mask=layer.getchannel("A"))
        return PictureBytes(jpeg(canvas), "image/jpeg")


def scaled(mask: PictureBytes, original: PictureBytes, bench: Workbench) -> PictureBytes:
    """A normalised mask at the size of a normalised picture. Raises NotAPictureError."""
    with bench.opened_together([original.data, mask.data], lambda size_px: size_px) as (below, above):
        return mask if above.size == below.size else _png(upright_rgba(above, below.size))


def _png(layer: Image.Image) -> PictureBytes:
    buffer = io.BytesIO()
    layer.save(buffer, "PNG", compress_level=1)  # strokes are small at any level, and each costs seconds
    return PictureBytes(buffer.getvalue(), "image/png")
