"""What the API tells, as dataclasses; what a newer server tells beyond them is left out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A job as it stands; `total` images were ordered. `is_settled`: nothing more will be made of it."""

    job_id: UUID
    type: str
    status: str
    path: str
    total: int
    completed: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    is_settled: bool


@dataclass(frozen=True)
class Image:
    """An image of a job; `no` and `stage` count from 1, `attach_id` is there once it is delivered."""

    no: int
    stage: int
    state: str
    waits_for: str | None
    attempts: int
    reason_code: str | None
    reason: str | None
    charged: int
    attach_id: int | None
    picture_url: str | None


@dataclass(frozen=True)
class JobDetail(Job):
    """A job with its images; `charged` are the credits taken for it so far."""

    production_id: UUID | None
    member_id: UUID | None
    org_id: UUID | None
    charged: int
    cost_usd: float
    waits_for: str | None
    warnings: list[str]
    images: list[Image]


@dataclass(frozen=True)
class JobPage:
    """A page of jobs; `next` and `prev` are the cursors of the pages beside it, None where there is none."""

    items: list[Job]
    next: str | None
    prev: str | None


@dataclass(frozen=True)
class Submitted:
    """A job that was ordered; `credits` is what it costs when every image succeeds."""

    job_id: UUID
    status: str
    type: str
    path: str | None
    total: int
    credits: int
    created_at: datetime
    warning: str | None


@dataclass(frozen=True)
class PreviewImage:
    """An image as it would be asked for; `image` and `stage` count from 1, `problem` is why it would fail."""

    image: int
    stage: int
    angle: str
    shot: str
    fx: str | None
    aspect_ratio: str
    prompt: str
    problem: str | None


@dataclass(frozen=True)
class Preview:
    """What a job would make; `problems` are why it cannot be run, `warnings` what it would go on without."""

    path: str | None
    job_type: str
    ordered: int
    images: list[PreviewImage]
    credits: int
    cost_usd: float
    warnings: list[str]
    problems: list[str]


@dataclass(frozen=True)
class Retried:
    """What is made again, and what it can cost at most; no images where the job is fetched anew."""

    job_id: UUID
    images: list[int]
    credits: int | None
    warning: str | None


def read(kind: type[T], told: Any) -> T:
    """`told`, as JSON has it, as a value of `kind`. Raises ValueError where it is none."""
    try:
        value: T = _read(kind, told)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"The answer is no {kind.__name__} of quel's API.") from None
    return value


def _read(kind: Any, told: Any) -> Any:
    if isinstance(kind, UnionType):
        [known] = [each for each in get_args(kind) if each is not NoneType]
        return None if told is None else _read(known, told)
    if get_origin(kind) is list:
        return [_read(get_args(kind)[0], each) for each in told]
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: _read(hint, told[name]) for name, hint in _hints(kind).items()})
    if kind is datetime:
        return datetime.fromisoformat(told.replace("Z", "+00:00"))
    if kind is float:
        return float(told)
    if kind is UUID:
        return UUID(told)
    if not isinstance(told, kind):
        raise TypeError
    return told


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
