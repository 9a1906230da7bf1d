"""The colour of a stroke in words: an image model knows red, and not #ff3b30."""

import colorsys
import re

LONGEST_CHARACTERS = 40
"""Of a colour as the customer's front end writes it; a longer one is no colour."""

_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\b.*\)", re.IGNORECASE | re.DOTALL)

_HUES = (
    # up to so many degrees of the colour wheel
    (15, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (195, "cyan"),
    (255, "blue"),
    (290, "purple"),
    (335, "pink"),
    (360, "red"),
)
_DARK, _LIGHT, _GREY = 0.2, 0.9, 0.15


def colour_in_words(colour: str) -> str:
    """What the brief calls a colour: its own name, or for numbers the nearest one with the number beside it.

    "Red" is "Red", "#ff3b30" is "red (#ff3b30)".
    """
    rgb = _numbers(colour)
    return colour if rgb is None else f"{_name(*rgb)} ({colour})"


def _numbers(colour: str) -> tuple[int, int, int] | None:
    text = colour.strip()
    if found := _RGB.fullmatch(text):
        red, green, blue = (min(255, int(number)) for number in found.groups())
        return red, green, blue
    if not (found := _HEX.fullmatch(text)) or (text[0] != "#" and text.isalpha()):
        return None
    digits = found[1]
    if len(digits) < 6:
        digits = "".join(2 * digit for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _name(red: int, green: int, blue: int) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < _DARK:
        return "black"
    if saturation < _GREY:
        return "white" if value > _LIGHT else "grey"
    return next(name for until, name in _HUES if hue * 360 <= until)
