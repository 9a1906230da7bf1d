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

    `attention`: the circuit breaker wants to hear how it went. `known` tells from which counts it was
    reserved; empty where there is no limit. `place` names the server that the call goes to, where there are
    several.
    """

    owner: str
    wait_s: float
    at_ms: str
    attention: bool
    due_at_s: float
    known: str = ""
    place: str = ""


@dataclass(frozen=True)
class Later:
    """No call may begin for `wait_s`.

    `reason` is the limit that is reached (minute, day, concurrency, probe), what opened the circuit breaker
    (a CallResult or an OperatorFault), the room that is missing (blobs, memory), that the counts were lost
    (lost), what a process knows by itself (known, paused, path, provider, threads), or of an engine's servers
    that all have a call (places) or are away (servers).
    """

    wait_s: float
    reason: str


@dataclass(frozen=True)
class QuotaUse:
    """Calls of the last minute, of today (None where they are not counted), and at this moment."""

    minute: int
    today: int | None
    at_once: int


@dataclass(frozen=True)
class CallsBegun:
    """What the rows know of provider calls: the ages of the recent ones in seconds, the newest first; how
    many began today; the owners of those that are under way.
    """

    ages_s: tuple[float, ...]
    today: int
    under_way: tuple[str, ...]


class CallResult(StrEnum):
    """What the circuit breaker is told of a call; `answered` alone closes it again."""

    ANSWERED = "answered"
    MINUTE = "minute"
    DAY = "day"
    UNKNOWN = "unknown"
    OVERLOADED = "overloaded"


def ends_of_days(now: datetime) -> tuple[datetime, ...]:
    """The ends of the quota days around the aware moment `now`, in order, three of them before it.

    Redis' own time says which of them is next: the clock of a host may be off by hours.
    """
    today = now.astimezone(PROVIDER_ZONE).date()
    return tuple(
        datetime.combine(today + timedelta(days=days), time(), tzinfo=PROVIDER_ZONE) for days in range(-2, 4)
    )
