"""Holds answers back until somebody lets them go, so that something can happen while calls are under way."""

import threading

LONGEST_S = 60.0  # whoever forgot to open it sees a slow provider, and no test that never ends


class Gate:
    """Open at first. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self._let_through = 0

    def close(self, after: int) -> None:
        """Lets only the next `after` answers through."""
        with self._lock:
            self._let_through = after
            self._opened.clear()

    def open(self) -> None:
        """Lets go of all of them."""
        self._opened.set()

    def pass_through(self) -> None:
        """Returns once an answer may go out."""
        with self._lock:
            if self._let_through > 0:
                self._let_through -= 1
                return
        self._opened.wait(LONGEST_S)
