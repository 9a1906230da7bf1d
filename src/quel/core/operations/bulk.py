"""Many jobs at once: which ones are meant, in words, and what it comes to before anything is done."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.durations import HOW_TO_WRITE, parse_duration
from quel.core.engines import Maker
from quel.core.errors import Conflict, InvalidInput
from quel.core.fetch_job import as_uuid
from quel.core.job import JobStatus, JobType
from quel.core.operations.action_log import Actor
from quel.core.operations.job_list import JobFilter
from quel.core.paths import PATHS

MOST_AT_ONCE = 10_000
"""Jobs of one bulk act."""

DEFAULT_SPAN = timedelta(days=7)
"""How far back is looked where no time is given."""

MAY_BE_OFF = 0.05
"""The share by which a count may have moved since somebody was told it."""

TOO_POOR = "Its payer's credits do not cover it."
PAYER_GONE = "The account that pays for it is not there, or not active, any more."

Account = tuple[PayerKind, UUID]
"""Whose balance pays."""


class BulkAction(StrEnum):
    """What is done with each job."""

    RETRY = "retry"
    CANCEL = "cancel"


_MEANT = {
    BulkAction.RETRY: (JobStatus.FAILED, JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.USER_CANCELLED),
    BulkAction.CANCEL: (JobStatus.PENDING, JobStatus.PROCESSING),
}


@dataclass(frozen=True)
class BulkOrder:
    """What is to be done with the jobs of a filter, or with those that are named.

    `failed_only` retries no image that was cancelled; `name` is for people.
    """

    action: BulkAction
    chosen: JobFilter = field(default_factory=JobFilter)
    job_ids: tuple[UUID, ...] = ()
    failed_only: bool = False
    name: str = ""

    @property
    def narrowed(self) -> JobFilter:
        """The filter, of jobs with a status that can be meant here; a week back where no time is given.

        Raises InvalidInput where neither a filter nor jobs say which, or only other statuses are named.
        """
        statuses = _MEANT[self.action]
        if self.job_ids:
            return JobFilter(statuses=statuses)
        if self.chosen.is_everything:
            raise InvalidInput("Say which jobs: for instance reason=overloaded since=2h.")
        asked = self.chosen.statuses or statuses
        both = tuple(status for status in asked if status in statuses)
        if not both:
            raise InvalidInput(f"Only jobs that are {' or '.join(statuses)} can be meant here.")
        since_s = self.chosen.since_s
        return replace(
            self.chosen,
            statuses=both,
            since_s=DEFAULT_SPAN.total_seconds() if since_s is None else since_s,
        )


@dataclass(frozen=True)
class MeantJob:
    """A job as it stands: `images` of it are meant, `price` credits each.

    Without a `price` quel has no plan of it, and `images` are those that were ordered. Without `prompts_kept`
    its plan has lost the customer's words.
    """

    job_id: UUID
    images: int
    price: int | None
    payer: Account | None = None
    prompts_kept: bool = True
    maker: Maker = field(default_factory=Maker)
    image_size: str | None = None


@dataclass(frozen=True)
class JobCost:
    """What one job comes to: `images` at `price` credits and `usd` dollars each, paid by `payer`.

    Without a payer nobody is asked to pay. `objection` says why it will not be done.
    """

    job_id: UUID
    images: int = 0
    price: int = 0
    usd: float = 0.0
    payer: Account | None = None
    objection: str = ""


@dataclass(frozen=True)
class BulkEstimate:
    """What an act comes to: the jobs that it will be done for, oldest first, and what they cost at most.

    `declined` counts the others by the reason. `more`: MOST_AT_ONCE were looked at, and there are more.
    """

    job_ids: tuple[UUID, ...]
    images: int
    credits: int
    cost_usd: float
    declined: dict[str, int] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True)
class Bulk:
    """An act on many jobs as it stands: `position` of `jobs` are done with, `done` of them as ordered.

    `others` counts the rest of those by the reason; `images`, `credits` and `cost_usd` are what it was to
    come to. It has ended when `ended_at` is set; `stopped` says that somebody ended it before its time.
    """

    bulk_id: UUID
    name: str
    action: BulkAction
    failed_only: bool
    actor: str
    channel: str
    jobs: int
    images: int
    credits: int
    cost_usd: float
    position: int
    done: int
    others: dict[str, int]
    stopped: bool
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Batch:
    """The next jobs of an act, in whose name, and what became of those before.

    `interrupted`: with the first one something may have been done already.
    """

    bulk_id: UUID
    action: BulkAction
    failed_only: bool
    by: Actor
    position: int
    others: Mapping[str, int]
    job_ids: tuple[UUID, ...]
    interrupted: bool


def estimate(jobs: Sequence[JobCost], rooms: Mapping[Account, int]) -> BulkEstimate:
    """What at most MOST_AT_ONCE jobs come to in their order.

    `rooms` are the credits of each payer that nothing else is promised to: who is later gets what is left.
    """
    rooms, declined, taken = dict(rooms), Counter[str](), []
    for job in jobs[:MOST_AT_ONCE]:
        objection = job.objection or _unpayable(job, rooms)
        if objection:
            declined[objection] += 1
            continue
        taken.append(job)
        if job.payer is not None:
            rooms[job.payer] -= job.images * job.price
    return BulkEstimate(
        tuple(job.job_id for job in taken),
        sum(job.images for job in taken),
        sum(job.images * job.price for job in taken),
        round(sum(job.images * job.usd for job in taken), 4),
        dict(declined),
        len(jobs) > MOST_AT_ONCE,
    )


def _unpayable(job: JobCost, rooms: Mapping[Account, int]) -> str:
    needed = job.images * job.price
    if job.payer is None:
        return ""
    room = rooms.get(job.payer)
    if room is None:
        return PAYER_GONE
    return TOO_POOR if 0 < needed > room else ""


def check_expected(found: BulkEstimate, expected: int) -> None:
    """Raises Conflict where the jobs that are meant are not nearly as many as somebody was told."""
    count = len(found.job_ids)
    if abs(count - expected) > MAY_BE_OFF * expected:
        raise Conflict(f"{count:,} jobs are meant by now, not {expected:,}: look at them and say it again.")


def read_where(words: str) -> JobFilter:
    """The filter of words like `reason=overloaded since=2h status=failed path=eats`.

    Only a status may be said several times. Raises InvalidInput for a word that cannot be read.
    """
    found: dict[str, Any] = {}
    for word in words.split():
        key, is_pair, value = word.partition("=")
        if not is_pair or not value or key not in _READERS:
            raise InvalidInput(
                f'"{word}" cannot be read: write KEY=VALUE with {", ".join(sorted(_READERS))}.'
            )
        name, read = _READERS[key]
        if name in found and name != "statuses":
            raise InvalidInput(f"{key} is said twice: only a status may be.")
        said = read(value)
        found[name] = (*found.get(name, ()), said) if name == "statuses" else said
    if not found:
        raise InvalidInput("Say which jobs: for instance reason=overloaded since=2h.")
    return JobFilter(**found)


def _path(value: str) -> str:
    if value.lower() not in PATHS:
        raise InvalidInput(f'There is no path "{value}"; the paths are {", ".join(sorted(PATHS))}.')
    return value.lower()


def _status(value: str) -> JobStatus:
    if value.lower() not in list(JobStatus):
        raise InvalidInput(f'"{value}" is no status: give one of {", ".join(JobStatus)}.')
    return JobStatus(value.lower())


def _type(value: str) -> str:
    if value.lower() not in list(JobType):
        raise InvalidInput(f'"{value}" is no job type: give one of {", ".join(JobType)}.')
    return value.lower()


def _uuid(value: str) -> UUID:
    found = as_uuid(value)
    if found is None:
        raise InvalidInput(f'"{value}" is no id.')
    return found


def _seconds(value: str) -> float:
    found = parse_duration(value)
    if found is None:
        raise InvalidInput(f'"{value}" is no duration: {HOW_TO_WRITE}.')
    return found.total_seconds()


_READERS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "path": ("path", _path),
    "status": ("statuses", _status),
    "type": ("job_type", _type),
    "org": ("org_id", _uuid),
    "member": ("member_id", _uuid),
    "reason": ("reason", str),
    "since": ("since_s", _seconds),
}
