"""An in-painting of the demonstration: a photograph, strokes of two colours on it, and what each asks for."""

import base64
import io
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

from quel.sandbox.studio import PHOTOGRAPHS

_ORIGINAL, _GUIDE = "chelsea.png", "grass.png"
_HAT, _GROUND = "#ff3b30", "#34c759"


def in_painting(attach: Callable[[str], int]) -> dict[str, Any]:
    """The job's input, as quel's own submit writes it."""
    return {
        "originalAttachId": attach(_ORIGINAL),
        "maskDataUrl": _data_url(_png(_strokes())),
        "prompt": "A sunny afternoon.",
        "layers": [
            {"color": _HAT, "prompt": "a small straw hat", "referenceImage": None},
            {"color": _GROUND, "prompt": "a meadow", "referenceImage": _data_url(_photograph(_GUIDE))},
        ],
        "quantity": "2",
        "aspect-ratio": "3:2",
        "chargedOnDelivery": True,
    }


def marked_picture() -> bytes:
    """A PNG of the photograph with the strokes on it, as a person sees it who draws them."""
    with Image.open(PHOTOGRAPHS / _ORIGINAL) as photograph:
        picture = photograph.convert("RGBA")
    picture.alpha_composite(_strokes())
    return _png(picture.convert("RGB"))


def _strokes() -> Image.Image:
    with Image.open(PHOTOGRAPHS / _ORIGINAL) as photograph:
        width, height = photograph.size
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.ellipse((width * 0.3, 0, width * 0.62, height * 0.2), fill=_HAT)
    pen.rectangle((0, height * 0.85, width, height), fill=_GROUND)
    return layer


def _photograph(name: str) -> bytes:
    with Image.open(PHOTOGRAPHS / name) as photograph:
        photograph.thumbnail((512, 512))
        return _png(photograph.convert("RGB"))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
