"""The provider's quota as a caller meets it: a slot of one's own, or the word to stay away for a while."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

PROVIDER_ZONE = ZoneInfo("America/Los_Angeles")
"""The provider's quota days end at midnight Pacific time."""


@dataclass(frozen=True)
class Slot:
    """Permission for one call, `wait_s` from its reservation: at `due_at_s` on the monotonic clock.

    `attention`: the gate wants to hear how it went.
    """

    owner: str
    wait_s: float
    at_ms: str
    attention: bool
    due_at_s: float


@dataclass(frozen=True)
class Later:
    """No call may begin for `wait_s`; `reason` is minute, day, concurrency, blobs, probe or unknown."""

    wait_s: float
    reason: str


class Verdict(StrEnum):
    """What the gate is told of a call."""

    ANSWERED = "answered"
    MINUTE = "minute"
    DAY = "day"
    UNKNOWN = "unknown"
    OVERLOADED = "overloaded"


def day_ends(now: datetime) -> tuple[datetime, datetime]:
    """The next two ends of a quota day after the aware moment `now`."""
    today = now.astimezone(PROVIDER_ZONE).date()
    first, second = (
        datetime.combine(today + timedelta(days=days), time(), tzinfo=PROVIDER_ZONE) for days in (1, 2)
    )
    return first, second
