"""A job as people look at it, which jobs they ask for, and where the next page begins."""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from quel.core.errors import InvalidInput
from quel.core.finalize_job import CANCELLED_STATUSES, OPEN_STATUSES
from quel.core.job import JobStatus

SHORTEST_ID = 6
"""Characters of a job's id that are enough to name it, where no other id begins so."""


@dataclass(frozen=True)
class JobView:
    """A job's row for people. `age_s` counts from its creation, `recoveries` are the sweep's.

    `is_planned`: quel has claimed it at some time.
    """

    job_id: UUID
    job_type: str
    status: JobStatus
    path: str
    total_images: int
    completed: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    recoveries: int
    age_s: float
    is_planned: bool = True

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in OPEN_STATUSES

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended, or was marked to end, by a cancellation."""
        return self.status in CANCELLED_STATUSES

    @property
    def is_closed(self) -> bool:
        """Whether its end is written: the front end may have marked a row as cancelled that is still open."""
        return self.has_ended and (not self.is_cancelled or self.completed_at is not None)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be made of it: closed, or cancelled before there was a plan of it."""
        return self.is_closed or (self.is_cancelled and not self.is_planned)

    @property
    def why(self) -> str:
        """The first sentence of what the customer is told, or nothing."""
        message = " ".join((self.error_message or "").split())
        first, dot, _ = message.partition(". ")
        return first + "." if dot else message


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant: those that all that is given applies to. No status means any.

    `since_s` counts back from now, `since` and `until` are moments; `reason` is a code that an image failed
    for, or `refused`; `words` stand in the customer's message.
    """

    path: str | None = None
    statuses: tuple[JobStatus, ...] = ()
    job_type: str | None = None
    org_id: UUID | None = None
    member_id: UUID | None = None
    reason: str | None = None
    since_s: float | None = None
    until: datetime | None = None
    since: datetime | None = None
    production_id: UUID | None = None
    words: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == JobFilter()


@dataclass(frozen=True)
class Place:
    """Where a page begins: behind a job, in the order of the list or `back` against it."""

    created_at: datetime
    job_id: UUID
    back: bool = False


@dataclass(frozen=True)
class JobPage:
    """Jobs in order, and the cursors of the pages beside, None where there is none."""

    jobs: tuple[JobView, ...]
    next_cursor: str | None
    prev_cursor: str | None = None


def write_cursor(place: Place, chosen: JobFilter, *, newest: bool) -> str:
    """The place as text that nobody needs to read; it holds for the same filter and order only."""
    parts = [place.created_at.isoformat(), str(place.job_id), _mark(chosen, newest), place.back]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(cursor: str, chosen: JobFilter, *, newest: bool) -> Place:
    """Raises InvalidInput for what is no cursor, or one of another filter or order."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, job_id, mark, back = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        place = Place(datetime.fromisoformat(at), UUID(job_id), bool(back))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("The cursor cannot be read: take it as the page before gave it.") from None
    if mark != _mark(chosen, newest):
        raise InvalidInput("The cursor belongs to another filter or order: begin at the first page.")
    if place.created_at.tzinfo is None:
        raise InvalidInput("The cursor cannot be read: take it as the page before gave it.")
    return place


def _mark(chosen: JobFilter, newest: bool) -> str:
    told = json.dumps([asdict(chosen), newest], default=str, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def id_range(beginning: str) -> tuple[UUID, UUID] | None:
    """The first and last id that begin so (at least SHORTEST_ID hexadecimal digits), None for other text."""
    digits = beginning.strip().lower().replace("-", "")
    if not SHORTEST_ID <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
