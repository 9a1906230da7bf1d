"""Keeps what a running provider call holds alive: its image's lease, its place among the calls at once.

The two are renewed by threads of their own, so that an outage of Redis cannot let the rows' leases lapse.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quel.core.errors import QuelError
from quel.core.ports.shared import Quota
from quel.core.quota import Slot
from quel.observe.events import Event, emit

KEEP_EVERY_S = 8.0  # leases last 30 s: three renewals may fail


class LeaseRenewal:
    """One a process, shared by its worker threads; `keep_leases` and quotas' `keep` may raise QuelError."""

    def __init__(self, *, keep_leases: Callable[[list[str]], None]) -> None:
        self._keep_leases = keep_leases
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, Quota]] = {}

    @contextmanager
    def held(self, lease: str, slot: Slot, quota: Quota) -> Iterator[None]:
        """Renews the lease, and the slot at its quota, for as long as the block runs."""
        with self._lock:
            self._held[lease] = slot.owner, quota
        try:
            yield
        finally:
            with self._lock:
                del self._held[lease]

    def threads(self, stop: threading.Event) -> list[threading.Thread]:
        """The two threads that renew until `stop` is set, not started yet."""
        return [
            threading.Thread(target=self._run, args=(stop, keep), name=name, daemon=True)
            for name, keep in (("leases", self._renew_leases), ("slots", self._renew_slots))
        ]

    def _run(self, stop: threading.Event, renew: Callable[[], None]) -> None:
        while not stop.wait(KEEP_EVERY_S):
            try:
                renew()
            except QuelError as error:
                emit(Event.LEASES_TROUBLE, code=error.code, reason=str(error))

    def _renew_leases(self) -> None:
        with self._lock:
            leases = list(self._held)
        if leases:
            self._keep_leases(leases)

    def _renew_slots(self) -> None:
        with self._lock:
            held = list(self._held.values())
        for quota in {id(quota): quota for _, quota in held}.values():
            quota.keep([owner for owner, its_quota in held if its_quota is quota])
