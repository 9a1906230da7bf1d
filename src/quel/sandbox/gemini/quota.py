"""A limit on requests in any 60 seconds, as the provider counts it: by arrival, refused ones not counted."""

import math
import threading
from collections import deque

WINDOW_S = 60.0


class RollingWindow:
    """Admits at most `limit` arrivals within any window. Safe for many threads."""

    def __init__(self, limit: int, window_s: float = WINDOW_S) -> None:
        self.limit = limit
        self._window_s = window_s
        self._admitted_s: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self, now_s: float) -> float:
        """0 for an arrival that is admitted, else the seconds until one would be. `now_s` never falls."""
        with self._lock:
            while self._admitted_s and now_s - self._admitted_s[0] >= self._window_s:
                self._admitted_s.popleft()
            if len(self._admitted_s) < self.limit:
                self._admitted_s.append(now_s)
                return 0.0
            oldest_s = self._admitted_s[0] if self._admitted_s else now_s
            return oldest_s + self._window_s - now_s


def as_duration(seconds: float) -> str:
    """Seconds as the provider writes them in retryDelay, rounded up to the whole second ("53s")."""
    return f"{math.ceil(seconds)}s"
