"""Reads an answer of Supabase Storage: by its body first, since nearly every error comes as HTTP 400.

Pure. `{"statusCode": "404", "error": …, "message": …, "code": …}` is Storage's own error; a gateway in front
may answer with its own statuses and an HTML page. HTTP 429 and 5xx are always true.
"""

import json
from dataclasses import dataclass
from enum import Enum, auto


class AnswerKind(Enum):
    """What to do about an answer: LATE is one that did not come, and is not waited for again."""

    DONE = auto()
    RETRY = auto()
    LATE = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class StorageAnswer:
    """What it comes to, and the status that decided it: the body's where it has one, else HTTP's."""

    kind: AnswerKind
    status: int


# 408 and 425 are a gateway's, 423 a locked object, 544 a database that timed out behind Storage. 409 is what
# two uploads of one key at the same moment can get even with x-upsert; a moment later the key is replaced.
_RETRY = {408, 409, 423, 425, 429}


def read_answer(status: int, body: bytes, *, changed: bool = False) -> StorageAnswer:
    """What an answer comes to. Redirects are refusals: Storage sends none, so the address is wrong.

    With `changed` the request was to change something, and Storage confirms that in JSON: another page with
    200, as a gateway may show one, is no confirmation.
    """
    if 200 <= status < 300:
        confirmed = not changed or isinstance(_parsed(body), dict | list)
        return StorageAnswer(AnswerKind.DONE if confirmed else AnswerKind.RETRY, status)
    if status < 500 and status != 429:
        status = _status_in(body) or status
    return StorageAnswer(
        AnswerKind.RETRY if status >= 500 or status in _RETRY else AnswerKind.REFUSED, status
    )


def _status_in(body: bytes) -> int | None:
    error = _parsed(body)
    raw = error.get("statusCode") if isinstance(error, dict) else None
    digits = str(raw)
    return int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else None


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
