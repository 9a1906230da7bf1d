"""Notifies generate_image when images that had to wait may go, and asks the quota no more often than it must.

A message whose image finds no slot is not kept anywhere: the image waits in its row. This process remembers
how many messages it has dropped and sends for them one by one: when the time it was told to stay away is
over, whenever one of them was granted a slot, and whenever a slot becomes free. Should a process die with
what it remembers, the slow look into the rows finds the images that are due and sends for them.

Slots are handed out in the order of time, so that a slot in half a second means that nobody need ask for the
next one before: nobody is admitted until shortly before it.
"""

import math
import threading
import time
from collections.abc import Callable

from quel.core.errors import QuelError
from quel.core.quota import Later, Slot
from quel.observe.events import Event, emit

_TICK_S = 0.2
_LOOK_EVERY_S = 3.0
_NOTIFY_AGAIN_S = 1.0  # after a message that led to nothing
_LONGEST_WAIT_S = 30.0  # a day's quota may be raised, a pause lifted: ask again now and then
_LEAD_S = 0.3  # a slot is asked for so long before it comes: time for a message to be sent and taken up


class AdmissionController:
    """One a process, shared by its worker threads; `run` belongs to a thread of its own.

    `notify(n)` sends n messages, `due(most)` counts the images that could go, `backlog()` the messages
    that no worker has fetched; all three may raise QuelError. `threads` is how many take messages.
    """

    def __init__(
        self,
        *,
        notify: Callable[[int], None],
        due: Callable[[int], int],
        backlog: Callable[[], int],
        threads: int,
    ) -> None:
        self._notify, self._due, self._backlog = notify, due, backlog
        self._threads = threads
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._dropped = 0
        self._known_due = 0
        self._blocked_until = 0.0
        self._is_unblocked_by_a_free_slot = False
        self._freed = 0
        self._quiet_until = 0.0
        self._notify_at = math.inf

    def ask(self, reserve: Callable[[], Slot | Later]) -> Slot | Later:
        """What `reserve` answers, a thread at a time; or Later at once while nobody may call.

        Raises what `reserve` raises.
        """
        with self._asking:
            blocked_for_s = self.blocked_for_s()
            if blocked_for_s > 0:
                return Later(blocked_for_s, "known")
            answer = reserve()
            early_s = _LEAD_S if isinstance(answer, Slot) or answer.reason == "minute" else 0.0
            self.block(answer.wait_s - early_s)
            self._is_unblocked_by_a_free_slot = isinstance(answer, Later) and answer.reason == "concurrency"
        if isinstance(answer, Later):
            return Later(self.blocked_for_s(), answer.reason)
        self._notify_after(max(self._blocked_until, self._quiet_until))
        return answer

    def blocked_for_s(self) -> float:
        """For how long this process knows that no call may begin."""
        return max(0.0, self._blocked_until - time.monotonic())

    def block(self, seconds: float) -> None:
        """Nobody may call for so long."""
        with self._lock:
            until = time.monotonic() + min(seconds, _LONGEST_WAIT_S)
            self._blocked_until = max(self._blocked_until, until)
            self._is_unblocked_by_a_free_slot = False

    def wait(self, later: Later) -> None:
        """Drops a message whose image cannot go; sends again when `later` is over."""
        until = time.monotonic() + min(later.wait_s, _LONGEST_WAIT_S)
        with self._lock:
            self._dropped += 1
            if later.reason == "path":  # a granted slot found nothing to make: the next one would not either
                self._quiet_until = until
        self._notify_after(until)

    def slot_is_free(self) -> None:
        """Sends for one of the dropped messages now, if nothing else keeps it away."""
        with self._lock:
            if self._is_unblocked_by_a_free_slot:
                self._blocked_until = 0.0
            now = time.monotonic()
            if self._dropped == 0 or self._blocked_until > now:
                return
            self._freed += 1
            self._notify_at = min(self._notify_at, now)
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Notifies until `stop` is set; trouble with a neighbour is logged and passes."""
        look_at = 0.0
        while not stop.is_set():
            self._news.wait(self._pause_s())
            self._news.clear()
            now = time.monotonic()
            if now < self._blocked_until:
                continue
            try:
                if now >= self._notify_at:
                    self._notify_of_dropped()
                if now >= look_at:
                    look_at = now + _LOOK_EVERY_S
                    self._notify_of_forgotten()
            except QuelError as error:
                emit(Event.ADMISSION_TROUBLE, code=error.code, reason=str(error))
                stop.wait(_TICK_S)

    def _pause_s(self) -> float:
        notifies_at = max(self._notify_at, self._blocked_until)
        return min(_TICK_S, max(0.0, notifies_at - time.monotonic()))

    def _notify_after(self, moment: float) -> None:
        """Has a message sent for one of the dropped ones at `moment`, if it was not to be earlier anyway."""
        with self._lock:
            if self._dropped == 0:
                return
            self._notify_at = min(self._notify_at, moment)
        self._news.set()

    def _notify_of_dropped(self) -> None:
        if self._known_due == 0:
            self._known_due = self._due(self._threads)
        with self._lock:
            number = min(max(1, self._freed), self._dropped, self._known_due)
            self._freed = 0
            self._dropped = self._dropped - number if self._known_due else 0
            self._known_due -= number
            self._notify_at = time.monotonic() + _NOTIFY_AGAIN_S if self._dropped else math.inf
        if number:
            self._notify(number)

    def _notify_of_forgotten(self) -> None:
        if self._dropped == 0:
            missing = self._due(self._threads) - self._backlog()
            if missing > 0:
                self._notify(missing)
