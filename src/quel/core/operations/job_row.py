"""What of a job's row is told over HTTP: everything but the bytes of pictures."""

import re
from typing import Any

LONGEST_TEXT = 4_000
"""Characters of a text without a blank; a signed address has some hundred, a small picture 20,000."""

LEFT_OUT = "(left out: the bytes of a picture)"
_DATA_URL = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)


def without_pictures(value: Any) -> Any:
    """The input with LEFT_OUT for every text that is a data URL, or as long as only base64 is."""
    if isinstance(value, dict):
        return {key: without_pictures(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_pictures(item) for item in value]
    if isinstance(value, str) and _is_picture(value):
        return LEFT_OUT
    return value


def _is_picture(text: str) -> bool:
    if _DATA_URL.match(text):
        return True
    return len(text) > LONGEST_TEXT and not any(sign.isspace() for sign in text.strip()[:LONGEST_TEXT])
