"""Reads a 200 answer of generateContent as it stands on the wire: 200 alone does not mean a picture.

Pure but for `inspect`, which looks at the picture's bytes. Reading the JSON here instead of in the SDK's
classes takes a fraction of the memory and survives values those classes do not know.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from quel.adapters.gemini.reasons import blocked_prompt, finished_without_picture
from quel.core.errors import UnreadablePicture
from quel.core.outcome import Broken, Made, Outcome, PictureBytes, Refused

# pydantic's compiled readers take a megabyte in a seventh of the time of json and base64, but are stricter:
# what they refuse gets a second reading by the standard library.
_BASE64 = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))

Inspect = Callable[[bytes], str]  # bytes → true MIME type; raises UnreadablePicture


def judge_answer(body: str | bytes, price_usd: float, inspect: Inspect) -> Outcome:
    """Made with the last picture that is no thought, wherever it stands; else what is said instead."""
    try:
        answer = _read_json(body)
    except (ValueError, RecursionError):
        return _UNREADABLE
    if not isinstance(answer, dict):
        return _UNREADABLE
    encoded = _last_picture(answer)
    if encoded is None:
        return _without_picture(answer)
    try:
        data = _decoded(encoded)
        return Made(PictureBytes(data, inspect(data)), price_usd)
    except (binascii.Error, ValueError):
        return Broken("bad_base64", "Gemini sent a picture that is not valid base64.")
    except UnreadablePicture:
        return Broken("unreadable_picture", "Gemini sent a picture that cannot be read.")


def _read_json(body: str | bytes) -> Any:
    """Any JSON value. Raises ValueError or RecursionError."""
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)


_UNREADABLE = Broken("unreadable_answer", "Gemini's answer is not the JSON that was expected.")


def _last_picture(answer: dict[str, Any]) -> str | None:
    found = None
    for part in _parts(answer):
        blob = part.get("inlineData", part.get("inline_data"))
        if part.get("thought") is True or not isinstance(blob, dict):
            continue
        mime_type = blob.get("mimeType", blob.get("mime_type", "image/png"))
        if isinstance(blob.get("data"), str) and str(mime_type).lower().startswith("image/"):
            found = blob["data"]
    return found


def _without_picture(answer: dict[str, Any]) -> Refused | Broken:
    feedback = answer.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return blocked_prompt(feedback["blockReason"])
    verdicts = [finished_without_picture(reason) for reason in _finish_reasons(answer)]
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            return verdict
    if any(isinstance(part.get("text"), str) and part["text"].strip() for part in _parts(answer)):
        return Broken("text_only", "Gemini answered with text instead of a picture.")
    return verdicts[0] if verdicts else Broken("empty_answer", "Gemini's answer was empty.")


def _finish_reasons(answer: dict[str, Any]) -> Iterator[object]:
    for candidate in _dicts(answer.get("candidates")):
        if candidate.get("finishReason"):
            yield candidate["finishReason"]


def _parts(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for candidate in _dicts(answer.get("candidates")):
        content = candidate.get("content")
        yield from _dicts(content.get("parts") if isinstance(content, dict) else None)


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def _decoded(encoded: str) -> bytes:
    """Bytes from base64 of either alphabet, padded or not. Raises binascii.Error or ValueError."""
    try:
        return _BASE64.validate_strings(encoded)
    except ValidationError:
        standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
