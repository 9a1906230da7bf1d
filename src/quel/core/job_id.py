"""Reads a job id off a raw list entry, whatever the entry holds."""

import re
from uuid import UUID

from quel.core.request import decode_input

_LONGEST_BYTES = 512  # an object with an id and some more fits; megabytes of junk are not even decoded
_JOB_ID = re.compile(
    r"""\s*["']?\{?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\}?["']?\s*""",
    re.IGNORECASE | re.ASCII,
)


def read_job_id(entry: bytes) -> UUID | None:
    """The UUID an entry stands for, in any usual spelling or as {"job_id": …}; None where it is no UUID."""
    if len(entry) > _LONGEST_BYTES:
        return None
    try:
        text = entry.decode()
    except UnicodeDecodeError:
        return None
    return _uuid_in(text) or _uuid_in(_named(text))


def _uuid_in(text: object) -> UUID | None:
    match = _JOB_ID.fullmatch(text) if isinstance(text, str) else None
    return UUID(match.group(1)) if match else None


def _named(text: str) -> object:
    """What a JSON object says under job_id."""
    if not text.lstrip().startswith("{"):
        return None
    read = decode_input(text)
    return read.get("job_id") if isinstance(read, dict) else None
