"""Reads a job id off a raw list entry, whatever the entry holds."""

import re
from uuid import UUID

_LONGEST_BYTES = 64  # a UUID in braces and quotes fits; megabytes of junk are not even decoded
_JOB_ID = re.compile(
    rb"""\s*["']?\{?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\}?["']?\s*""", re.I
)


def read_job_id(entry: bytes) -> UUID | None:
    """The UUID an entry stands for, in any usual spelling; None where it is no UUID."""
    match = _JOB_ID.fullmatch(entry) if len(entry) <= _LONGEST_BYTES else None
    return UUID(match.group(1).decode()) if match else None
