"""The provider's quota, in memory: calls a minute, calls at once, and a circuit breaker that everyone heeds.

A slot always begins at once. Of the circuit breaker only the pause itself is there: no probe, no lowered
pace, no run of overloads that it takes to open, no day's count.
"""

from datetime import datetime
from itertools import count

from quel.core.operator_fault import OperatorFault
from quel.core.quota import CallResult, Later, Slot
from quel.sandbox.memory.blobs import Blobs
from quel.sandbox.memory.clock import Clock

WINDOW_S = 60.9
_FOR_GOOD = frozenset({"servers", "day", *OperatorFault})
_UNSAID_PAUSE_S: dict[CallResult | OperatorFault, float] = {
    CallResult.MINUTE: 2.0,
    CallResult.DAY: 86_400.0,
    CallResult.UNKNOWN: 2.0,
    CallResult.OVERLOADED: 0.0,
}


class Quota:
    """As quel.adapters.redis.quota has it, simplified. `rpm` and `concurrency` are bounds, None for none."""

    def __init__(self, clock: Clock, blobs: Blobs) -> None:
        self._clock, self._blobs = clock, blobs
        self._owners = (f"slot-{number}" for number in count())
        self._blocked_until = clock.now
        self._reason = ""
        self._out_since: datetime | None = None
        self.rpm: int | None = None
        self.concurrency: int | None = None
        self.calls_at: dict[str, datetime] = {}
        self.under_way: set[str] = set()

    def reserve(self) -> Slot | Later:
        """A slot of one's own, or the word to stay away."""
        if self.outputs_full():
            return Later(0.5, "blobs")
        if (blocked_for_s := self.blocked_for_s()) > 0:
            return Later(blocked_for_s, self._reason)
        if self.concurrency is not None and len(self.under_way) >= self.concurrency:
            return Later(0.25, "concurrency")
        recent = sorted(at for at in self.calls_at.values() if self._clock.since(at) < WINDOW_S)
        if self.rpm is not None and len(recent) >= self.rpm:
            return Later(WINDOW_S - self._clock.since(recent[-self.rpm]), "minute")
        owner = next(self._owners)
        self.calls_at[owner] = self._clock.now
        self.under_way.add(owner)
        return Slot(owner, wait_s=0.0, at_ms="", attention=False, due_at_s=self._clock.monotonic_s())

    def begin(self, slot: Slot) -> Slot | None:
        """Called right before the call; None where the counts were lost since. No slot here is ever late."""
        return slot if slot.owner in self.calls_at else None

    def lose_counts(self) -> None:
        """What a flushed Redis knows of the calls before."""
        self.calls_at.clear()
        self.under_way.clear()

    def give_back(self, slot: Slot) -> None:
        """Returns a slot no call was made with."""
        self.under_way.discard(slot.owner)
        self.calls_at.pop(slot.owner, None)

    def report(self, slot: Slot, result: CallResult | OperatorFault, *, pause_s: float = 0.0) -> float:
        """Says how the call went; for how many seconds everyone stays away now."""
        self.under_way.discard(slot.owner)
        if isinstance(result, OperatorFault):
            self.open_breaker(pause_s, result.value)
        elif result is not CallResult.ANSWERED:
            self.open_breaker(pause_s or _UNSAID_PAUSE_S[result], result.value)
        return self.blocked_for_s()

    def open_breaker(self, seconds: float, reason: str) -> None:
        """Keeps everyone away for so long."""
        self._blocked_until = max(self._blocked_until, self._clock.after(seconds))
        self._reason = reason

    def blocked_for_s(self) -> float:
        """For how long everyone stays away."""
        return max(0.0, -self._clock.since(self._blocked_until))

    def keep(self, owners: list[str]) -> None:
        """Prolongs the slots of calls that are still under way; here none ever lapses."""

    def state(self) -> dict[str, str]:
        """The circuit breaker's state, for people to read."""
        is_open = self.blocked_for_s() > 0
        return {} if not is_open else {"until": self._blocked_until.isoformat(), "reason": self._reason}

    def out_for_s(self) -> float:
        """For how long the engine has been out for good."""
        is_out = self.blocked_for_s() > 0 and self._reason in _FOR_GOOD
        self._out_since = (self._out_since or self._clock.now) if is_out else None
        return self._clock.since(self._out_since) if self._out_since else 0.0

    def outputs_full(self) -> bool:
        """Whether too many answers wait to be stored for another call to begin."""
        return self._blobs.outputs_full()
