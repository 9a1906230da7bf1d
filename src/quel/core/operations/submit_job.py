"""Reads what `quel submit` is given: a job's row as JSON, whose references may name picture files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quel.core.job import JobType
from quel.core.request.values import number, shown

REFERENCE_KEYS = frozenset({"attachId", "mergedAttachId", "mergedImageAttachId"})
"""The keys of job_input_data that hold an attachment's id."""

_LARGEST_INT = 2**31 - 1
_LONGEST_TEXT = {"quel_production_path": 50, "stage_name": 100}  # characters the columns take


@dataclass(frozen=True)
class Upload:
    """A picture file in the bucket: its own name, and its path as quel_attach holds it."""

    name: str
    path: str
    size_bytes: int
    mime_type: str


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
    if not _is_int(row.get("total_images")):
        return "total_images must be a whole number."
    for key in ("stage_index", "batch_index"):
        if row.get(key) is not None and not _is_int(row[key]):
            return f"{key} must be a whole number or null."
    for key, longest in _LONGEST_TEXT.items():
        if row.get(key) is not None and not (isinstance(row[key], str) and len(row[key]) <= longest):
            return f"{key} must be text of at most {longest} characters, or null."
    return None


def picture_files(value: Any) -> list[str]:
    """The names of the picture files that references in `value` hold, each once, in order."""
    return list(dict.fromkeys(_files(value)))


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
