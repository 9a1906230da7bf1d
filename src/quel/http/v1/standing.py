"""How it stands: queues, quota, workers, and the doctor's checks."""

import threading
import time
from collections.abc import Mapping

from fastapi import APIRouter

from quel.core.operations.backlog import Backlog
from quel.core.operations.doctor import Finding
from quel.http.guard import LOOKS, OPERATES, GuardedRoute, needs
from quel.http.services import Services
from quel.http.v1.wire import Wire
from quel.operations.doctor import examine
from quel.operations.services import OperatorServices
from quel.operations.standing import QuotaStanding, programs_seen_s, quota_standing, standing

router = APIRouter(route_class=GuardedRoute, tags=["standing"])


class Messages(Wire):
    """Messages of a step that wait, are delayed, or were given up."""

    queue: str
    kind: str
    count: int


class Queues(Wire):
    """What waits in rows, in the broker's queues and in the front end's lists."""

    jobs: list[Backlog]
    images: list[Backlog]
    messages: list[Messages]
    lists: Mapping[str, int]
    rejected: int
    swept_at: float | None
    """When the sweep last ran, in unix seconds."""


class Workers(Wire):
    """Seconds since each program last spoke to the broker, the most recent first."""

    seen_s: list[float]


class Checks(Wire):
    """The doctor's lines, and how many seconds ago they were made."""

    items: list[Finding]
    age_s: float


@router.get("/queues")
@needs(LOOKS)
def queues(services: Services) -> Queues:
    """What waits, and for how long."""
    found = standing(services)
    return Queues(
        jobs=list(found.rows.jobs),
        images=list(found.rows.images),
        messages=[
            Messages(queue=queue, kind=kind, count=count)
            for (queue, kind), count in sorted(found.lists.messages.items())
        ],
        lists=found.lists.raw,
        rejected=found.lists.rejected,
        swept_at=found.lists.swept_at,
    )


@router.get("/quota")
@needs(LOOKS)
def quota(services: Services) -> QuotaStanding:
    """How much of the provider's quota is used, and what keeps calls away."""
    return quota_standing(services)


@router.get("/workers")
@needs(LOOKS)
def workers(services: Services) -> Workers:
    """Which programs live."""
    return Workers(seen_s=programs_seen_s(services))


class _Cache:
    """Findings for as long as they are fresh; while somebody looks, the others are told the last ones."""

    _FRESH_S = 15.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_at, self._found = 0.0, list[Finding]()

    def look(self, services: OperatorServices, *, probe: bool) -> Checks:
        """Findings of the last seconds; `probe` looks anew, and puts an object into the bucket."""
        if self._lock.acquire(blocking=probe or not self._found):
            try:
                if probe or not self._found or time.monotonic() - self._made_at > self._FRESH_S:
                    self._found = list(examine(services, probe=probe, provider=False))
                    self._made_at = time.monotonic()
            finally:
                self._lock.release()
        return Checks(items=self._found, age_s=round(time.monotonic() - self._made_at, 1))


_cache = _Cache()


@router.get("/checks")
@needs(LOOKS)
def checks(services: Services) -> Checks:
    """What the doctor says, at most 15 seconds old, without a probe of Storage; the provider is not asked."""
    return _cache.look(services, probe=False)


@router.post("/checks")
@needs(OPERATES)
def check_anew(services: Services) -> Checks:
    """Ask the doctor anew; one small object is put into the bucket and removed again."""
    return _cache.look(services, probe=True)
