"""When to come back, in the provider's own word: every form in which answers tell it. Pure.

A RetryInfo's `retryDelay` or `retry_delay` as text or as {seconds, nanos}; the moment a quota is reset; the
Retry-After header, in seconds or as a date; and the sentence of the message ("Please retry in 34.07s.").
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from quel.adapters.gemini.wire import dicts

LONGEST = timedelta(hours=48)  # a daily quota never needs more; anything beyond is a mistake of the sender

_KEYS = ("retryDelay", "retry_delay", "retryAfter", "retry_after", "quotaResetDelay", "quotaResetTimeStamp")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"
_UNIT = r"(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
_ONE = rf"(?:{_NUMBER})\s*{_UNIT}"
_DURATION = rf"{_ONE}(?:[\s,]*{_ONE})*"
_ISO = re.compile(rf"\s*PT(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?\s*", re.IGNORECASE)
_SENTENCE = re.compile(
    rf"(?:retry|try|again|reset|wait|available)[a-z ]{{0,30}}\b(?:in|after|for)\s+(?:about\s+)?({_DURATION})"
    # An error printed by another program: retryDelay': '34s', or retry_delay { seconds: 34 }.
    rf"|retry_?delay\W{{1,6}}({_DURATION})"
    rf"|retry_?delay\W{{1,6}}seconds\W{{1,4}}({_NUMBER})",
    re.IGNORECASE,
)


def retry_hint(error: dict[str, Any], header: str | None, answered_at: datetime | None) -> timedelta | None:
    """For how long to stay away, at most 48 hours; None where nothing is said or nothing is understood.

    `answered_at` is when the answer was written, aware: a Retry-After that is a date counts from then.
    """
    hints = [_hint(value, answered_at) for value in (*_told_by(error), header)]
    hints.append(_from_sentence(error.get("message")))
    found = [hint for hint in hints if hint is not None]
    return next((hint for hint in found if hint), found[0] if found else None)


def _told_by(error: dict[str, Any]) -> Iterator[object]:
    for holder in [*dicts(error.get("details")), error]:
        metadata = holder.get("metadata")
        for told in (holder, metadata if isinstance(metadata, dict) else {}):
            yield from (told[key] for key in _KEYS if key in told)


def _hint(value: object, answered_at: datetime | None) -> timedelta | None:
    """From a duration or a moment."""
    duration = _duration(value)
    if duration is not None or answered_at is None or not isinstance(value, str):
        return duration
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            until = read(value.strip())
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return max(timedelta(), min(until - answered_at, LONGEST))
        except (ValueError, OverflowError):
            continue
    return None


def _from_sentence(message: object) -> timedelta | None:
    found = _SENTENCE.search(message[:20_000]) if isinstance(message, str) else None
    return _duration(next(filter(None, found.groups()))) if found else None


def _duration(raw: object) -> timedelta | None:
    """From 53, "53", "53, 53", "1m30s", "PT1M30S", "5 minutes", {"seconds": 53, "nanos": 5}, or None."""
    match raw:
        case dict():
            return _of_parts(raw.get("seconds", 0), raw.get("nanos", 0)) if "seconds" in raw else None
        case bool():
            return None
        case int() | float():
            return _of_parts(raw, 0)
        case str() if re.fullmatch(rf"\s*{_NUMBER}\s*", raw):
            return _of_parts(raw, 0)
        case str() if found := re.fullmatch(rf"\s*({_NUMBER})(?:\s*,\s*{_NUMBER})+\s*", raw):
            return _of_parts(found[1], 0)  # a header that was given twice
        case str() if (found := _ISO.fullmatch(raw)) and any(found.groups()):
            hours, minutes, seconds = (float(number or 0) for number in found.groups())
            return _bounded(hours * 3600 + minutes * 60 + seconds)
        case str() if re.fullmatch(rf"\s*{_DURATION}\s*", raw, re.IGNORECASE):
            parts = re.findall(rf"({_NUMBER})\s*({_UNIT})", raw, re.IGNORECASE)
            return _bounded(sum(float(number) * _seconds_of(unit) for number, unit in parts))
        case _:
            return None


def _seconds_of(unit: str) -> float:
    unit = unit.lower()
    return _SECONDS["ms"] if unit.startswith(("ms", "milli")) else _SECONDS[unit[0]]


def _of_parts(seconds: object, nanos: object) -> timedelta | None:
    try:
        return _bounded(float(str(seconds)) + float(str(nanos)) / 1e9)
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> timedelta | None:
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))
