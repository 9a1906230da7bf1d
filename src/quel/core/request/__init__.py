"""Reads `job_input_data`, whatever a front end of any age wrote there, and never raises.

A value with one sensible reading is read that way; a value with none becomes a Problem that names its key.
"""

from collections.abc import Callable
from functools import partial

from quel.core.job import JobRequest, JobType, Problem, Replaced, StageRequest
from quel.core.request.decode import decode_input, read_once_more
from quel.core.request.fields import Fields, Findings
from quel.core.request.forms import read_stages
from quel.core.request.values import kind_of, plain_text, shown

__all__ = ["MAX_PROBLEMS", "MAX_REPLACED", "decode_input", "parse_request", "read_once_more", "user_id_of"]

MAX_PROBLEMS = 10  # as many as error_message can hold and still be read
MAX_REPLACED = 10  # likewise: a hostile input could name thousands


def parse_request(
    job_type: object,
    data: object,
    *,
    total_images: int,
    read: Callable[[Fields, int], tuple[StageRequest, ...]] | None = None,
) -> JobRequest | tuple[Problem, ...]:
    """The job's request, or why it cannot be run: at least one Problem and at most MAX_PROBLEMS.

    `job_type` and `data` are the row's `job_type` and `job_input_data` as decoded JSON of any shape;
    an object written as JSON text is read once more (`read_once_more`) where the row is loaded.
    `total_images` is what the customer ordered; it stands in where the input names no quantity, and 0 or
    less means that nothing was said (such an item's quantity is then None). `read` reads the stages of a kind
    that has keys of its own.
    """
    if not isinstance(job_type, str) or job_type not in list(JobType):
        known = ", ".join(JobType)
        return (Problem("job_type", f"job_type must be one of {known}, but it is {shown(job_type)}."),)
    if not isinstance(data, dict):
        reason = "is missing or cannot be read" if data is None else f"is {kind_of(data)}"
        return (Problem("job_input_data", f"job_input_data must be an object, but it {reason}."),)
    if not data:
        return (Problem("job_input_data", "job_input_data is empty: it says nothing about what to make."),)
    return _read(JobType(job_type), data, total_images, read or partial(read_stages, JobType(job_type)))


def _read(
    job_type: JobType,
    data: dict[str, object],
    total_images: int,
    read: Callable[[Fields, int], tuple[StageRequest, ...]],
) -> JobRequest | tuple[Problem, ...]:
    findings = Findings()
    fields = Fields(data, findings)
    stages = read(fields, total_images)
    image_size = fields.image_size()
    user_id = user_id_of(data)
    if user_id is None:
        fields.replace("userId", "a name", "the job's own member")
    if findings.problems:
        return tuple(findings.problems[:MAX_PROBLEMS])
    return JobRequest(job_type, stages, user_id, _told(findings.replaced), image_size)


def _told(replaced: list[Replaced]) -> tuple[Replaced, ...]:
    further = len(replaced) - MAX_REPLACED
    if further <= 0:
        return tuple(replaced)
    rest = replaced[MAX_REPLACED]
    more = Replaced(
        rest.key, f"{rest.key} and {further - 1} further keys cannot be read: defaults were used."
    )
    return (*replaced[:MAX_REPLACED], more)


def user_id_of(data: object) -> str | None:
    """The customer's words under `userId`, None where there are none; `data` is as in parse_request."""
    return plain_text(Fields(data, Findings()).value("userId")) or None if isinstance(data, dict) else None
