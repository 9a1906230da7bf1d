"""Reads one JSON value: its one sensible reading, or None where it has none. Nothing here raises."""

import math
import re

from quel.core.aspect import AspectRatio, nearest_aspect_ratio
from quel.core.models import SIZES
from quel.core.request.spelling import plain_key

LARGEST_NUMBER = 10**20  # beyond every 64-bit id and every limit, and short enough to print
LARGEST_ATTACH_ID = 2**63 - 1  # quel_attach.attach_id is a bigint
SHOWN_CHARACTERS = 40
LONGEST_RATIO_CHARACTERS = 200

_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?")
_RATIO_SIGN = "[:：∶/x×*]"
_BETWEEN = re.compile(_RATIO_SIGN, re.IGNORECASE)
# Among other words: no part of a longer number, of a name such as "v9:16", or of a row of three ("9:16:1").
_SIDE = r"(\d{1,9}+(?:\.\d{1,9}+)?+)"
_AMONG_WORDS = re.compile(
    rf"(?<![\w.:：∶/×*+-]){_SIDE}\s*{_RATIO_SIGN}\s*{_SIDE}(?!\d|\.\d|\s*{_RATIO_SIGN}\s*[\d-])",
    re.IGNORECASE,
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes neither NUL nor half a surrogate pair
_FLAG_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def number(value: object) -> int | float | None:
    """A number, also one written as text; booleans are none. Held within ±LARGEST_NUMBER."""
    if isinstance(value, str):
        value = _number_in(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return max(-LARGEST_NUMBER, min(value, LARGEST_NUMBER))


def _number_in(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    is_short_integer = len(text) <= SHOWN_CHARACTERS and text.lstrip("+-").isdecimal()
    return int(text) if is_short_integer else float(text)


def whole_count(value: object) -> int | None:
    """A quantity: a number of 0 or more, rounded down (2.9 is 2)."""
    count = number(value)
    return None if count is None or count < 0 else math.floor(count)


def attach_id(value: object) -> int | None:
    """A primary key of quel_attach: a whole number from 1 to LARGEST_ATTACH_ID."""
    found = number(value)
    if found is None or found != math.floor(found) or not 1 <= found <= LARGEST_ATTACH_ID:
        return None
    return int(found)


def attach_ids(value: object) -> tuple[int, ...]:
    """The distinct ids in a JSON list, in order, also written as "3" or 3.0; the rest is left out."""
    ids = [attach_id(entry) for entry in value] if isinstance(value, list) else []
    return tuple(dict.fromkeys(id for id in ids if id is not None))


def flag(value: object) -> bool | None:
    """True or false, also as a word or as 1 and 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAG_WORDS:
        return _FLAG_WORDS[value.strip().lower()]
    found = number(value)
    return bool(found) if found in (0, 1) else None


def plain_text(value: object) -> str | None:
    """The customer's words without outer blanks and unstorable characters; '' where there are none.

    A number is taken as its digits. None means that the value can be no text.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value).strip()
    found = number(value)
    if found is None:
        return None
    return str(math.floor(found) if found == math.floor(found) else found)


def only(value: object) -> object:
    """The entry of a list of one; any other value as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def aspect_ratio(value: object) -> AspectRatio | None:
    """The supported ratio nearest to what the value says; None where it says none, or two different ones.

    Read are "4:3", "4x3", "4/3", "1.85:1", the same among other words ("9:16 (vertical)", "1080x1920 px"),
    a plain width over height, two numbers in a list, and an object with `width` and `height` (or `w`, `h`).
    """
    value = only(value)
    if isinstance(value, list):
        return _ratio_of(*value) if len(value) == 2 else None
    if isinstance(value, dict):
        by_name = {plain_key(key): side for key, side in value.items()}
        return _ratio_of(by_name.get("width", by_name.get("w")), by_name.get("height", by_name.get("h")))
    if not isinstance(value, str):
        return _ratio_of(value, 1)
    sides = _BETWEEN.split(value, maxsplit=2)
    if len(sides) <= 2 and all(number(side) is not None for side in sides):
        return _ratio_of(*(*sides, 1)[:2])
    found = {_ratio_of(*pair) for pair in _AMONG_WORDS.findall(value[:LONGEST_RATIO_CHARACTERS])}
    return found.pop() if len(found) == 1 else None


def _ratio_of(width: object, height: object) -> AspectRatio | None:
    wide, high = number(width), number(height)
    if wide is None or high is None or wide <= 0 or high <= 0:
        return None
    return nearest_aspect_ratio(wide, high)


def image_size(value: object) -> str | None:
    """One of SIZES: "2K", "2k", or the length of its longer side, 2048."""
    words = plain_text(value) or ""
    return next((size for size in SIZES if words.upper() in (size, str(1024 * int(size[0])))), None)


def is_nothing(value: object) -> bool:
    """Whether a value says no more than a missing key: null, false, blank text, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is False or (isinstance(value, list | dict) and not value)


def shown(value: object) -> str:
    """A value as a message may quote it: one short printable line."""
    if isinstance(value, str):
        cut = value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"
        return '"' + "".join(character if character.isprintable() else " " for character in cut) + '"'
    found = number(value)
    if found is None:
        return kind_of(value)
    return str(value) if abs(found) < LARGEST_NUMBER else "a number beyond all limits"


def kind_of(value: object) -> str:
    """What sort of JSON value it is, in words that give nothing of its content away."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    kinds = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return next((kind for type_, kind in kinds.items() if isinstance(value, type_)), "no JSON value")
