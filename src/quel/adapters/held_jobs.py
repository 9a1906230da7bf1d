"""The jobs that this process is preparing, for the thread that renews their hold. Safe for many threads."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class HeldJobs:
    """Knows what is held now; renewing it is somebody else's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[UUID] = Counter()

    @contextmanager
    def held(self, job_id: UUID) -> Iterator[None]:
        """Counts the job as held for as long as the block runs."""
        with self._lock:
            self._held[job_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[job_id] -= 1
                self._held += Counter()  # drops what is held no longer

    def now_held(self) -> list[UUID]:
        """The jobs that are held now."""
        with self._lock:
            return list(self._held)
