"""Lends each of a few things to one thread at a time, in the order in which the threads asked.

The order is the point: at a semaphore or a queue of the standard library a thread that comes back at once
overtakes those that wait, again and again, until their time is up.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class FairPool(Generic[T]):
    """The things that nobody has borrowed, and the threads that wait for one."""

    def __init__(self, things: Iterable[T]) -> None:
        self._free = list(things)
        self._waiting: deque[Future[T]] = deque()  # empty while something is free
        self._lock = Lock()

    @contextmanager
    def borrow(self, timeout_s: float) -> Iterator[T]:
        """One of the things until the block ends, the last used first. Raises TimeoutError."""
        thing = self._take(timeout_s)
        try:
            yield thing
        finally:
            self._give(thing)

    def _take(self, timeout_s: float) -> T:
        with self._lock:
            if self._free:
                return self._free.pop()
            turn: Future[T] = Future()
            self._waiting.append(turn)
        try:
            return turn.result(timeout_s)
        except BaseException:  # also Dramatiq's interruptions of a thread
            if not turn.cancel():  # it came in the same moment
                self._give(turn.result())
            raise

    def _give(self, thing: T) -> None:
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(thing)
                    return
            self._free.append(thing)
