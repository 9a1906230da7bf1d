"""Reads what is submitted: a job's row as JSON, whose references may name picture files."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid5

from quel.core.errors import InvalidInput
from quel.core.job import JobType
from quel.core.kind import CHARGED_ON_DELIVERY, Kind, kind_of
from quel.core.request.spelling import plain_key
from quel.core.request.values import number, shown
from quel.core.storable import why_not_storable

REFERENCE_KEYS = frozenset(
    {"attachId", "mergedAttachId", "mergedImageAttachId", "sourceAttachId", "originalAttachId"}
)
"""The keys of job_input_data that hold an attachment's id."""

_UPLOADS = UUID("6f0b8a2c-2f1d-5b7e-8b42-4a6d0d5f9e11")
_LARGEST_INT = 2**31 - 1
_LONGEST_TEXT = {"quel_production_path": 50, "stage_name": 100}  # characters the columns take


MIME_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
}
"""What a picture file is, by the ending of its name."""


@dataclass(frozen=True)
class PictureFile:
    """A picture file that has been read; its name says what it is."""

    name: str
    data: bytes

    @property
    def ending(self) -> str:
        """The name's ending with its dot, in lower case."""
        return PurePath(self.name).suffix.lower()

    @property
    def mime_type(self) -> str:
        """What its name says it is."""
        return MIME_TYPES[self.ending]


@dataclass(frozen=True)
class NewJob:
    """A job's row that can be written, and whose it is."""

    row: Mapping[str, Any]
    member_id: UUID | None
    org_id: UUID | None

    @property
    def callback_url(self) -> object:
        """Where the job's end is to be told of, as it was given; None for nowhere."""
        return self.row.get("callback_url") or None

    @property
    def picture_files(self) -> list[str]:
        """The names of the picture files that its references hold, each once, in order."""
        return picture_files(self.row["job_input_data"])


@dataclass(frozen=True)
class SubmissionKey:
    """The key that a caller chose for one request, and the SHA-256 of its body in hexadecimal."""

    holder: str
    key: str
    body_sha256: str

    def upload_id(self, picture: str) -> UUID:
        """What a picture is called in the bucket: the same for the same request, however often it is sent."""
        return uuid5(_UPLOADS, json.dumps([self.holder, self.key, self.body_sha256, picture]))


@dataclass(frozen=True)
class EarlierSubmission:
    """What a key was used for before: the body, the job, when, and what was answered."""

    body_sha256: str
    job_id: UUID
    created_at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Upload:
    """A picture file in the bucket: its own name, and its path as quel_attach holds it."""

    name: str
    path: str
    size_bytes: int
    mime_type: str


def read_job(row: object, *, member_id: UUID | None = None, org_id: UUID | None = None) -> NewJob:
    """The job of a row; the ids win over the row's own. Raises InvalidInput."""
    problem = check_row(row)
    if problem or not isinstance(row, Mapping):
        raise InvalidInput(problem or "")
    return NewJob(
        as_submitted(row), member_id or _uuid(row, "quel_member_id"), org_id or _uuid(row, "org_id")
    )


def check_row(row: object) -> str | None:
    """Why `row` cannot be written as a job's row, as a sentence; None when it can.

    What job_input_data holds is not judged: that is the pipeline's to do.
    """
    if not isinstance(row, Mapping):
        return "The file must hold one JSON object: a job's row."
    if row.get("job_type") not in list(JobType):
        return f"job_type must be one of {', '.join(JobType)}, but it is {shown(row.get('job_type'))}."
    if not isinstance(row.get("job_input_data"), Mapping):
        return "job_input_data must be an object."
    objection = why_not_storable(row)
    if objection:
        return f"The row cannot be kept. {objection}"
    if not _is_int(row.get("total_images")):
        return "total_images must be a whole number."
    for key in ("stage_index", "batch_index"):
        if row.get(key) is not None and not _is_int(row[key]):
            return f"{key} must be a whole number or null."
    for key, longest in _LONGEST_TEXT.items():
        if row.get(key) is not None and not (isinstance(row[key], str) and len(row[key]) <= longest):
            return f"{key} must be text of at most {longest} characters, or null."
    return None


def as_submitted(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as it is written: an in-painting says that it is paid for on delivery.

    The old server's submit charged for such a job, and one that does not say so is taken for one of those.
    """
    data, path = row.get("job_input_data"), row.get("quel_production_path")
    if not isinstance(data, Mapping):
        return row
    kind = kind_of(str(row.get("job_type")), path if isinstance(path, str) else None, list(data))
    if kind is not Kind.MODIFY:
        return row
    others = {key: value for key, value in data.items() if plain_key(key) != plain_key(CHARGED_ON_DELIVERY)}
    return {**row, "job_input_data": others | {CHARGED_ON_DELIVERY: True}}


def _uuid(row: Mapping[str, Any], key: str) -> UUID | None:
    try:
        return UUID(str(row[key])) if row.get(key) else None
    except ValueError:
        raise InvalidInput(f"{key} is no UUID.") from None


def picture_files(value: Any) -> list[str]:
    """The names of the picture files that references in `value` hold, each once, in order."""
    return list(dict.fromkeys(_files(value)))


def not_a_picture(name: str) -> str | None:
    """Why a file of that name is not taken as a picture, as a sentence; None when it is."""
    if PurePath(name).suffix.lower() in MIME_TYPES:
        return None
    return f"{name} is no picture file by its name ({', '.join(sorted(MIME_TYPES))})."


def with_attachments(value: Any, attach_id: Callable[[str], int]) -> Any:
    """`value` with every picture file's name replaced by `attach_id` of it."""
    if isinstance(value, Mapping):
        return {
            key: attach_id(item) if _is_file(key, item) else with_attachments(item, attach_id)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_attachments(item, attach_id) for item in value]
    return value


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if _is_file(key, item):
                yield item
            else:
                yield from _files(item)
    elif isinstance(value, list):
        for item in value:
            yield from _files(item)


def _is_file(key: str, item: object) -> bool:
    """A reference names a file where it is text that no number can be read from."""
    return key in REFERENCE_KEYS and isinstance(item, str) and bool(item.strip()) and number(item) is None


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_INT
