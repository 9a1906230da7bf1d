"""Reads what `quel submit` is given: a job's row as JSON, whose references may name picture files."""

from collections.abc import Callable, Mapping
from typing import Any

from quel.core.job import JobType

REFERENCE_KEYS = frozenset({"attachId", "mergedAttachId", "mergedImageAttachId"})
"""The keys of job_input_data that hold an attachment's id."""


def check_row(row: object) -> str | None:
    """Why `row` is no job's row, as a sentence; None when it is one."""
    if not isinstance(row, Mapping):
        return "The file must hold one JSON object: a job's row."
    if row.get("job_type") not in set(JobType):
        return f"job_type must be one of {', '.join(JobType)}."
    if not isinstance(row.get("job_input_data"), Mapping):
        return "job_input_data must be an object."
    total = row.get("total_images")
    if not isinstance(total, int) or isinstance(total, bool):
        return "total_images must be a whole number."
    return None


def replace_files(value: Any, attach: Callable[[str], int]) -> Any:
    """`value` with every attachment that is named by a file replaced by `attach(file)`.

    A reference counts as a file where it is text that is no number.
    """
    if isinstance(value, Mapping):
        return {
            key: attach(item)
            if key in REFERENCE_KEYS and isinstance(item, str) and not item.strip().isdigit()
            else replace_files(item, attach)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [replace_files(item, attach) for item in value]
    return value
