"""Pictures that no studio would keep, as models make them now and then: for the check before the charge."""

import io
from dataclasses import replace
from enum import StrEnum

from PIL import Image, ImageOps

from quel.sandbox.gemini.drawing import draw
from quel.sandbox.gemini.request import GenerateContent

_DECODERS_GREY = (128, 128, 128)
_ALWAYS_THE_SAME_SEED = 7


class BadTake(StrEnum):
    """What is wrong with the picture."""

    BLANK = "blank"
    CUT_OFF = "cut_off"
    RATIO = "ratio"
    SMALL = "small"
    ECHO = "echo"
    COLLAGE = "collage"
    BARS = "bars"
    DOUBLE = "double"


def spoilt(kind: BadTake, asked: GenerateContent) -> Image.Image:
    """The answer's picture with that fault.

    An echo is of the first picture that was sent; without one it is the same picture whatever is asked.
    """
    width, height = asked.size_px
    match kind:
        case BadTake.BLANK:
            return Image.new("RGB", asked.size_px, (190, 184, 176))
        case BadTake.CUT_OFF:
            picture = draw(asked)
            picture.paste(_DECODERS_GREY, (0, height * 2 // 5, width, height))
            return picture
        case BadTake.RATIO:
            other = "16:9" if width < 1.4 * height else "1:1"
            return draw(replace(asked, aspect_ratio=other))
        case BadTake.SMALL:
            return draw(asked).resize((width // 4, height // 4))
        case BadTake.ECHO if asked.pictures:
            with Image.open(io.BytesIO(asked.pictures[0].data)) as sent:
                return ImageOps.fit(sent.convert("RGB"), asked.size_px)
        case BadTake.COLLAGE:
            return _collage(asked)
        case BadTake.BARS:
            depth = height // 8
            picture = Image.new("RGB", asked.size_px, "black")
            picture.paste(draw(asked).crop((0, depth, width, height - depth)), (0, depth))
            return picture
        case _:
            return draw(replace(asked, seed=_ALWAYS_THE_SAME_SEED))


def _collage(asked: GenerateContent) -> Image.Image:
    """Four takes in one picture, with white between them; on the right upside down, so that none goes on."""
    width, height = asked.size_px
    picture = Image.new("RGB", asked.size_px, "white")
    gap = width // 100
    for number in range(4):
        one = draw(replace(asked, seed=(asked.seed or 0) + number))
        turned = ImageOps.flip(one) if number % 2 else one
        cell = turned.resize((width // 2 - gap, height // 2 - gap))
        picture.paste(cell, (number % 2 * (width // 2 + gap), number // 2 * (height // 2 + gap)))
    return picture
