"""A lane a maker (`quel.core.services`): its engine, its quota and the threads that may wait for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Lock

from quel.core.engines import Maker
from quel.core.ports import outside, shared


class EngineLane:
    """One maker, wired when it is first used.

    `may_wait` tells how many threads may wait for it at once; `admission_of` raises SettingsError in a
    process that does not serve generate_image.
    """

    def __init__(
        self,
        maker: Maker,
        *,
        engine_of: Callable[[Maker], outside.Engine],
        quota_of: Callable[[Maker], shared.Quota],
        admission_of: Callable[[Maker], shared.AdmissionController],
        may_wait: Callable[[], int],
    ) -> None:
        self.maker = maker
        self._engine_of, self._quota_of, self._admission_of = engine_of, quota_of, admission_of
        self._may_wait = may_wait
        self._lock = Lock()
        self._waiting = 0

    @cached_property
    def engine(self) -> outside.Engine:
        """The engine."""
        return self._engine_of(self.maker)

    @cached_property
    def quota(self) -> shared.Quota:
        """Its quota."""
        return self._quota_of(self.maker)

    @property
    def admission(self) -> shared.AdmissionController:
        """Its admission controller. Raises SettingsError."""
        return self._admission_of(self.maker)

    @contextmanager
    def thread(self) -> Iterator[bool]:
        """Whether one more thread may wait for it."""
        with self._lock:
            is_free = self._waiting < self._may_wait()
            self._waiting += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._waiting -= is_free
