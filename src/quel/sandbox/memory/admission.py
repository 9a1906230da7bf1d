"""Admission and leases of one process that serves generate_image, in memory and without threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quel.core.ports.shared import Quota
from quel.core.quota import Later, Slot
from quel.sandbox.memory.clock import Clock


class AdmissionController:
    """As quel.actors.admission has it, but that it sends nothing: the worker looks into the rows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._blocked_until = clock.now
        self.waits: list[Later] = []
        """What the images that had to wait were told."""
        self.freed = 0
        """How many slots became free."""

    def ask(self, reserve: Callable[[], Slot | Later]) -> Slot | Later:
        """What `reserve` answers; Later with the reason "known" while nobody may call anyway."""
        if (blocked_for_s := self.blocked_for_s()) > 0:
            return Later(blocked_for_s, "known")
        answer = reserve()
        if isinstance(answer, Later):
            self.block(answer.wait_s)
        return answer

    def blocked_for_s(self) -> float:
        """For how long this process knows that no call may begin."""
        return max(0.0, -self._clock.since(self._blocked_until))

    def wait(self, later: Later) -> None:
        """An image waits: send again when `later` is over, or when a slot becomes free."""
        self.waits.append(later)

    def block(self, seconds: float) -> None:
        """The provider or the quota keeps everyone away for so long."""
        self._blocked_until = max(self._blocked_until, self._clock.after(seconds))

    def slot_is_free(self) -> None:
        """Counts it."""
        self.freed += 1


class LeaseRenewal:
    """Notes what is held, and renews nothing: a call that outlasts its lease is one whose process hangs."""

    def __init__(self) -> None:
        self.now_held: dict[str, Slot] = {}

    @contextmanager
    def held(self, lease: str, slot: Slot, quota: Quota) -> Iterator[None]:  # noqa: ARG002  as the port has it
        """Holds the image's lease and the slot for as long as the block runs."""
        self.now_held[lease] = slot
        try:
            yield
        finally:
            del self.now_held[lease]
