"""Threads that hold pictures share a number of bytes: each waits until its share is free, first come first.

What is larger than the whole budget runs alone, so memory stays below the budget or below that one picture.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

DECODING_BUDGET_BYTES = 512 * 1024 * 1024


class MemoryBudget:
    """`total_bytes` for all threads that hold the same budget."""

    def __init__(self, total_bytes: int = DECODING_BUDGET_BYTES) -> None:
        self._total_bytes = total_bytes
        self._used_bytes = 0
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def share(self, wanted_bytes: int) -> Iterator[None]:
        """Holds that many bytes while the block runs, at most the whole budget."""
        held_bytes = min(wanted_bytes, self._total_bytes)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._fits(held_bytes))
                self._used_bytes += held_bytes
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()  # the next in line may fit beside this one
        try:
            yield
        finally:
            with self._changed:
                self._used_bytes -= held_bytes
                self._changed.notify_all()

    def _fits(self, wanted_bytes: int) -> bool:
        return self._used_bytes + wanted_bytes <= self._total_bytes


PROCESS_BUDGET = MemoryBudget()
"""What every decoder of a process draws on unless it is given another."""
