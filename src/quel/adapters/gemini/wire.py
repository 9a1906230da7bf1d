"""Reads the body of any answer as JSON objects, however a gateway has wrapped it.

A byte-order mark, a list, server-sent events, objects one behind the other, an envelope, gzip without its
label, text that is not quite UTF-8 and an error written as text into another error are all taken off; what
follows the last whole value counts for nothing. Pure, and bounded in size and depth.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from quel.adapters.gzipped import is_gzipped, unpacked

JsonObject = dict[str, Any]

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
_DEEPEST_ERROR = 4
_DEEPEST_ENVELOPE = 4
_LONGEST_NESTED = 200_000  # characters of a message that are searched for an error
_EVENT_FIELDS = ("data:", "event:", "id:", "retry:", ":")
_GUARD = ")]}'"  # what Google puts in front of JSON that no script shall run
_OWN_KEYS = frozenset({"candidates", "promptFeedback", "prompt_feedback", "error"})


def objects_in(body: bytes) -> tuple[JsonObject, ...]:
    """The JSON objects of the body in their order. Raises ValueError where it holds no JSON."""
    if is_gzipped(body):
        body = unpacked(body, "gzip", MAX_UNPACKED_BYTES)
    try:
        return tuple(_opened(_values(body), _DEEPEST_ENVELOPE))
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def _values(body: bytes) -> list[Any]:
    # pydantic's compiled reader takes a megabyte in a seventh of the time of json, but is stricter: what it
    # refuses gets a second reading by the standard library.
    try:
        return [from_json(body)]
    except ValueError:
        text = body.decode(json.detect_encoding(body), errors="replace").strip("\ufeff \t\r\n\0")
    if text.startswith(_EVENT_FIELDS):
        events = [list(_in_a_row(event)) for event in _events(text)]
        values = [value for event in events for value in event]
    else:
        values = list(_in_a_row(text.removeprefix(_GUARD).lstrip()))
    if not values:
        raise ValueError("The body holds no JSON.")
    return values


def _in_a_row(text: str) -> Iterator[Any]:
    """The JSON values that the text begins with."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield value
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1


def _events(text: str) -> Iterator[str]:
    """The data of each server-sent event; its lines belong together (HTML standard, section 9.2.6)."""
    data: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").strip())
        elif not line.strip() and data:
            yield "\n".join(data)
            data = []


def _opened(value: object, depth: int) -> Iterator[JsonObject]:
    """The objects of an answer in lists, in texts of JSON, and in envelopes: else the envelope itself."""
    if isinstance(value, str) and depth and value.lstrip()[:1] in ("{", "["):
        value = list(_in_a_row(value.strip()))
    if isinstance(value, list) and depth:
        for entry in value:
            yield from _opened(entry, depth - 1)
    if isinstance(value, dict):
        inner = []
        if depth and not _OWN_KEYS & value.keys():
            held = [each for each in value.values() if isinstance(each, dict | list | str)]
            inner = [each for each in _opened(held, depth - 1) if _OWN_KEYS & each.keys()]
        yield from inner or [value]


def dicts(value: object) -> Iterator[JsonObject]:
    """The objects of a list; an object alone counts as a list of one."""
    entries = value if isinstance(value, list) else [value]
    yield from (entry for entry in entries if isinstance(entry, dict))


def error_in(objects: tuple[JsonObject, ...]) -> tuple[JsonObject, bool] | None:
    """The innermost error, with whether it stood inside another one; None where no object tells of one.

    An `error` that is a text counts as an error with that message, and so does an object with a message or
    detail and nothing else to go by.
    """
    for candidate in objects:
        told = candidate.get("error") or candidate.get("errors")
        if isinstance(told, str) and told:
            told = {"message": told}
        for error in dicts(told or _bare_error(candidate)):
            if error:
                return _innermost(error)
    return None


def _bare_error(candidate: JsonObject) -> JsonObject | None:
    message = candidate.get("message") or candidate.get("detail")
    if isinstance(message, str) and "candidates" not in candidate:
        return candidate | {"message": message}
    return None


def _innermost(error: JsonObject) -> tuple[JsonObject, bool]:
    nested = False
    for _ in range(_DEEPEST_ERROR):
        inner = next(filter(None, map(_nested_error, [error.get("message"), *error.values()])), None)
        if inner is None:
            break
        error, nested = inner, True
    return error, nested


def _nested_error(value: object) -> JsonObject | None:
    """An error that is told by a value of another one: as an object, or as JSON somewhere in a text."""
    if isinstance(value, str):
        value = _json_within(value[:_LONGEST_NESTED])
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict) and inner:
        return inner
    return value if isinstance(value.get("message"), str) and isinstance(value.get("code"), int) else None


def _json_within(text: str) -> object:
    """The first JSON object of the text, None where there is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        whole = json.loads(text) if text.lstrip().startswith('"') else None
        if isinstance(whole, str):  # a text in a text
            return _json_within(whole)
        return json.JSONDecoder(strict=False).raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
