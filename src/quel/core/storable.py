"""What PostgreSQL's text and jsonb take of JSON, so that the rest is refused in words, by no statement."""

import math
from typing import Any

DEEPEST = 64
"""Lists and objects within each other; a job's input has six."""


def why_not_storable(value: Any) -> str | None:
    """Why a decoded JSON value cannot be kept, as a sentence; None where it can."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            return f"It is nested more than {DEEPEST} deep."
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str) and not is_text(item):
            return "It holds text with a NUL, or with half of a character, which cannot be kept."
        elif isinstance(item, float) and not math.isfinite(item):
            return "It holds a number that is none or has too many digits."
    return None


def is_text(value: str) -> bool:
    """Whether a text column takes it: no NUL, and no half of a pair of surrogates."""
    return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
