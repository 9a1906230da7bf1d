"""Rings generate_image when images that had to wait may go.

A message whose image finds no slot is not kept anywhere: the image waits in its row. This process
remembers how many messages it has dropped, rings for one of them whenever a call ends, and for a handful
when the time it was told to stay away is over. Should a process die with what it remembers, the slow look
into the rows finds the images that are due and rings for them.
"""

import math
import threading
import time
from collections.abc import Callable

from quel.core.errors import QuelError
from quel.core.quota import Later
from quel.observe.events import Event, emit

_TICK_S = 0.2
_LOOK_EVERY_S = 3.0
_LONGEST_WAIT_S = 30.0  # a day's quota may be raised, a pause lifted: ask again now and then


class Doorbell:
    """One a process, shared by its worker threads; `run` belongs to a thread of its own.

    `ring(n)` sends n messages, `due(most)` counts the images that could go, `backlog()` the messages
    that wait; all three may raise QuelError. `handful` is the number of worker threads.
    """

    def __init__(
        self,
        *,
        ring: Callable[[int], None],
        due: Callable[[int], int],
        backlog: Callable[[], int],
        handful: int,
    ) -> None:
        self._ring, self._due, self._backlog = ring, due, backlog
        self._handful = handful
        self._lock = threading.Lock()
        self._dropped = 0
        self._closed_until = 0.0
        self._ring_at = math.inf

    def closed_for_s(self) -> float:
        """For how long this process knows that no call may begin."""
        return max(0.0, self._closed_until - time.monotonic())

    def closed(self, seconds: float) -> None:
        """Nobody may call for so long."""
        with self._lock:
            until = time.monotonic() + min(seconds, _LONGEST_WAIT_S)
            self._closed_until = max(self._closed_until, until)

    def wait(self, later: Later) -> None:
        """Drops a message whose image cannot go; rings again when `later` is over."""
        until = time.monotonic() + min(later.wait_s, _LONGEST_WAIT_S)
        with self._lock:
            self._dropped += 1
            self._ring_at = min(self._ring_at, until)
            if later.reason in _CLOSING_REASONS:
                self._closed_until = max(self._closed_until, until)

    def call_ended(self) -> bool:
        """Whether to ring for one of the dropped messages now that a call has ended."""
        with self._lock:
            if self._dropped == 0:
                return False
            self._dropped -= 1
            return True

    def run(self, stop: threading.Event) -> None:
        """Rings until `stop` is set; trouble with a neighbour is logged and passes."""
        look_at = 0.0
        while not stop.wait(_TICK_S):
            now = time.monotonic()
            try:
                if now < self._closed_until:
                    continue
                if now >= self._ring_at:
                    self._ring_for_dropped()
                if now >= look_at:
                    look_at = now + _LOOK_EVERY_S
                    self._ring_for_forgotten()
            except QuelError as error:
                emit(Event.DOORBELL_TROUBLE, code=error.code, reason=str(error))

    def _ring_for_dropped(self) -> None:
        due = self._due(self._handful)
        with self._lock:
            number = min(self._dropped, due)
            self._dropped = self._dropped - number if due else 0
            self._ring_at = math.inf if self._dropped == 0 else time.monotonic() + 1.0
        if number:
            self._ring(number)

    def _ring_for_forgotten(self) -> None:
        if self._dropped == 0:
            due = self._due(self._handful)
            if due and self._backlog() < due:
                self._ring(due)


_CLOSING_REASONS = frozenset({"minute", "day", "unknown", "overloaded", "known"})
"""Reasons that hold for every caller alike; a full path or a busy probe may be over at any moment."""
