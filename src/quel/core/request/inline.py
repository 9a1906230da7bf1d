"""Pictures whose bytes stand in the job's input as base64: found by their place there, strict and bounded.

What is read here is never quoted: a message names the place alone.
"""

import base64
import binascii
import re

from quel.core.errors import ReferenceUnavailable
from quel.core.job import Place, RequestedReference
from quel.core.request import values
from quel.core.request.decode import read_once_more
from quel.core.request.fields import Fields, Findings

_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;]*)*,", re.IGNORECASE)
_LONGEST_PREFIX_CHARACTERS = 200


def inline_reference(fields: Fields, name: str, place: Place, type_: str) -> RequestedReference | None:
    """The picture under `name`, whose `place` that is; None where the key says nothing."""
    if values.is_nothing(fields.value(name)):
        return None
    return RequestedReference(None, type_, fields.key(name), place)


def picture_in(data: object, place: Place, *, at_most_bytes: int) -> bytes:
    """The bytes of the picture at `place`, base64 with or without `data:…;base64,` in front.

    Raises ReferenceUnavailable, with a sentence, for what is no strict base64 or more than so many bytes.
    """
    text = _value_at(data, place)
    if not isinstance(text, str):
        raise ReferenceUnavailable(f"It must be text, but it is {values.kind_of(text)}.")
    words = _without_prefix(text.strip())
    if len(words) // 4 * 3 > at_most_bytes + 2:
        raise ReferenceUnavailable(f"It is larger than {at_most_bytes} bytes (QUEL_MAX_REFERENCE_BYTES).")
    try:
        picture = base64.b64decode(words, validate=True)
    except (binascii.Error, ValueError):
        raise ReferenceUnavailable("It is no base64.") from None
    if len(picture) > at_most_bytes:
        raise ReferenceUnavailable(f"It is larger than {at_most_bytes} bytes (QUEL_MAX_REFERENCE_BYTES).")
    return picture


def _without_prefix(text: str) -> str:
    prefix = _DATA_URL.match(text[:_LONGEST_PREFIX_CHARACTERS])
    if prefix is None:
        return text
    if not prefix[0].lower().endswith(";base64,"):
        raise ReferenceUnavailable("It is a data URL without base64.")
    return text[prefix.end() :]


def _value_at(data: object, place: Place) -> object:
    """The value at a place, read as the fields read it: keys in any spelling, entries of flattened lists."""
    value = read_once_more(data)
    for name, index in _steps(place):
        if not isinstance(value, dict):
            return None
        fields = Fields(value, Findings())
        value = fields.value(name)
        if index is not None:
            wanted = f"{fields.key(name)}[{index}]"
            value = next((entry for where, entry in fields.entries(name) if where == wanted), None)
    return value


def _steps(place: Place) -> list[tuple[str, int | None]]:
    """Each key with the place in its list, if one follows."""
    steps: list[tuple[str, int | None]] = []
    for step in place:
        if isinstance(step, int):
            steps[-1] = (steps[-1][0], step)
        else:
            steps.append((step, None))
    return steps
