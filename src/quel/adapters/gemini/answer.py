"""Reads an answer of generateContent that calls itself a success: that alone does not mean a picture.

A picture that came has been paid for, so everything in the answer is tried before another call: the bytes
decide, not their label. Pure but for `inspect`, which looks at the bytes. Reading the JSON here instead of in
the SDK's classes takes a fraction of the memory and survives values those classes do not know.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from pydantic import ConfigDict, TypeAdapter, ValidationError

from quel.adapters.gemini.error_answer import HttpAnswer, judge_error
from quel.adapters.gemini.reasons import blocked_prompt, finished_without_picture
from quel.adapters.gemini.wire import JsonObject, dicts, error_in, objects_in
from quel.core.errors import UnreadablePicture
from quel.core.models import Model
from quel.core.outcome import Broken, Made, Outcome, PictureBytes, Refused

# As fast as pydantic's reader of JSON (see `wire`), and as strict: what it refuses gets a second reading.
_BASE64 = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))

_PICTURE_KEYS = frozenset({"data", "imageBytes", "image_bytes", "bytesBase64Encoded", "b64_json"})
_DATA_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=_%\\\s-]+")
_DEEPEST = 12

Inspect = Callable[[bytes], str]  # bytes → true MIME type; raises UnreadablePicture


def judge_answer(
    answer: HttpAnswer,
    model: Model,
    inspect: Inspect,
    secrets: tuple[str, ...] = (),
    *,
    price_usd: float | None = None,
) -> Outcome:
    """Made with the last picture that can be read and is no thought, else the last such thought.

    Without one: the error that the answer tells, else why it has no picture. `secrets` as in `judge_error`;
    `price_usd` is what a picture costs at the size asked for, by default the model's smallest.
    """
    try:
        objects = objects_in(answer.body)
    except ValueError:
        return _UNREADABLE
    if not objects:
        return _UNREADABLE
    broken: Broken | None = None
    for encoded in _candidates(objects):
        read = _read(encoded, inspect)
        if isinstance(read, PictureBytes):
            return Made(read, model.price_usd if price_usd is None else price_usd)
        broken = broken or read
    if error_in(objects) is not None:
        return judge_error(answer, model.id, secrets)
    verdict = _without_picture(objects)
    return verdict if isinstance(verdict, Refused) or broken is None else broken


_UNREADABLE = Broken("unreadable_answer", "Gemini's answer is not the JSON that was expected.")


def _candidates(objects: tuple[JsonObject, ...]) -> list[str]:
    """Whatever may be a picture, encoded, the likeliest first: from last to first, thoughts behind the rest.

    No label is asked, nor where it stands: models and gateways leave labels out, get them wrong, and put a
    picture beside its part or into its text.
    """
    found: dict[bool, list[str]] = {False: [], True: []}
    for encoded, is_thought in _encoded(list(objects), False, _DEEPEST):
        found[is_thought].append(encoded)
    return found[False][::-1] + found[True][::-1]


def _encoded(value: object, is_thought: bool, depth: int) -> Iterator[tuple[str, bool]]:
    """What may be base64 of a picture, in the order of the answer, and whether it is within a thought."""
    if isinstance(value, list) and depth:
        for entry in value:
            yield from _encoded(entry, is_thought, depth - 1)
    if isinstance(value, dict) and depth:
        is_thought = is_thought or value.get("thought") is True
        for key, held in value.items():
            if not isinstance(held, str):
                yield from _encoded(held, is_thought, depth - 1)
            elif key in _PICTURE_KEYS and held.strip():
                yield held, is_thought
            elif key == "text" and "data:image/" in held:
                yield from ((found[0], is_thought) for found in _DATA_URL.finditer(held))


def _read(encoded: str, inspect: Inspect) -> PictureBytes | Broken:
    try:
        data = _decoded(encoded)
        return PictureBytes(data, inspect(data))
    except UnreadablePicture:
        return Broken("unreadable_picture", "Gemini sent a picture that cannot be read.")
    except ValueError:  # binascii's error is one
        return Broken("bad_base64", "Gemini sent a picture that is not valid base64.")


def _without_picture(objects: tuple[JsonObject, ...]) -> Refused | Broken:
    for reason in _block_reasons(objects):
        return blocked_prompt(reason)
    verdicts = [finished_without_picture(reason) for reason in _finish_reasons(objects)]
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            return verdict
    if any(isinstance(part.get("text"), str) and part["text"].strip() for part in _parts(objects)):
        return Broken("text_only", "Gemini answered with text instead of a picture.")
    return verdicts[0] if verdicts else Broken("empty_answer", "Gemini's answer was empty.")


def _block_reasons(objects: tuple[JsonObject, ...]) -> Iterator[object]:
    for answer in objects:
        for feedback in dicts(answer.get("promptFeedback") or answer.get("prompt_feedback")):
            if reason := feedback.get("blockReason") or feedback.get("block_reason"):
                yield reason


def _finish_reasons(objects: tuple[JsonObject, ...]) -> Iterator[object]:
    for answer in objects:
        for candidate in dicts(answer.get("candidates")):
            if reason := candidate.get("finishReason") or candidate.get("finish_reason"):
                yield reason


def _parts(objects: tuple[JsonObject, ...]) -> Iterator[dict[str, Any]]:
    for answer in objects:
        for candidate in dicts(answer.get("candidates")):
            for content in dicts(candidate.get("content")):
                yield from dicts(content.get("parts"))


def _decoded(encoded: str) -> bytes:
    """Bytes from base64 of either alphabet, padded or not, in lines or not, with or without `data:` in front.

    Raises ValueError.
    """
    try:
        return _BASE64.validate_strings(encoded)
    except ValidationError:
        plain = encoded.lstrip()
        if plain[:5].lower() == "data:":
            plain = unquote(plain.partition(",")[2])
        plain = "".join(plain.replace("\\n", "").replace("\\r", "").split())
        standard = plain.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
