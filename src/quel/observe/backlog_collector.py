"""Tells what waits and what stands still, as gauges read at scrape time from the last look.

A look is taken by a thread of its own: a scrape never waits for PostgreSQL or Redis, and goes on while they
are away. Then `quel_neighbour_up` is 0 and what that neighbour knows is left out rather than told wrongly.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from quel.core.errors import QuelError
from quel.core.kinds import ALL_PATHS
from quel.core.operations.backlog import Backlog, JobBacklog, QueueBacklog
from quel.core.operator_fault import OperatorFault

T = TypeVar("T")

Labels = tuple[str, ...]
Sample = tuple[Labels, float]


@dataclass(frozen=True)
class StateGauge:
    """A gauge of what stands in PostgreSQL or Redis; its name, help and labels."""

    name: str
    help: str
    labels: Labels = ()

    def family(self, samples: Iterable[Sample]) -> GaugeMetricFamily:
        """The gauge with its samples."""
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family


NEIGHBOUR_UP = StateGauge("quel_neighbour_up", "Whether a neighbour answered the last look.", ("neighbour",))
OPEN_JOBS = StateGauge("quel_open_jobs", "Jobs pending or processing.", ("path", "state"))
OLDEST_JOB = StateGauge(
    "quel_oldest_open_job_age_seconds", "Since the oldest was pushed or claimed.", ("path", "state")
)
OPEN_IMAGES = StateGauge("quel_open_images", "Images of running jobs that have not ended.", ("path", "state"))
OLDEST_IMAGE = StateGauge(
    "quel_oldest_open_image_age_seconds", "Since the oldest one changed.", ("path", "state")
)
WEBHOOKS = StateGauge("quel_webhooks_waiting", "Webhooks that are not delivered yet.")
OLDEST_WEBHOOK = StateGauge(
    "quel_oldest_webhook_age_seconds", "Since the oldest of them was to be sent; none where none is set."
)
QUEUE_MESSAGES = StateGauge(
    "quel_queue_messages", "Messages waiting, delayed or dead on the broker.", ("queue", "kind")
)
RAW_ENTRIES = StateGauge("quel_raw_list_entries", "Entries on the raw lists.", ("list",))
INGEST_SEEN = StateGauge(
    "quel_ingest_last_seen_timestamp_seconds", "When a list was last watched by anyone.", ("list",)
)
SWEPT = StateGauge("quel_sweep_last_run_timestamp_seconds", "When the sweep last came through.")
REJECTED = StateGauge("quel_rejected_entries", "Entries of raw lists kept for an operator.")
PAUSED = StateGauge("quel_paused", "1 where an operator has stopped new images; * is all paths.", ("path",))
# Named when the circuit breaker was a gate: alerts and dashboards know it so.
BLOCKED = StateGauge("quel_quota_gate_closed_seconds", "For how long no provider call may begin.")
PROVIDER_FAULT = StateGauge(
    "quel_provider_needs_operator", "1 where images wait for an operator to mend this.", ("reason",)
)
CACHED_BYTES = StateGauge("quel_cached_bytes", "Bytes of pictures between stages.", ("pool",))
QUOTA_USED = StateGauge(
    "quel_quota_calls", "Calls of the last minute, of the provider's day, or at this moment.", ("span",)
)
QUOTA_LIMIT = StateGauge(
    "quel_quota_limit", "How many calls the settings allow, where they say so.", ("span",)
)

STATE_GAUGES = (
    NEIGHBOUR_UP, OPEN_JOBS, OLDEST_JOB, OPEN_IMAGES, OLDEST_IMAGE, WEBHOOKS, OLDEST_WEBHOOK,
    QUEUE_MESSAGES, RAW_ENTRIES, INGEST_SEEN, SWEPT, REJECTED, PAUSED, BLOCKED, PROVIDER_FAULT,
    CACHED_BYTES, QUOTA_USED, QUOTA_LIMIT,
)  # fmt: skip

_JOB_STATES = ("pending", "processing")
_IMAGE_STATES = ("planned", "ready", "generating", "made")


class BacklogCollector(Collector):
    """Keeps the last look and tells it. `read_rows` and `read_lists` may raise QuelError.

    `limits` are the calls that are allowed a span (minute, day, at_once), None where there is no limit.
    """

    def __init__(
        self,
        *,
        read_rows: Callable[[], JobBacklog],
        read_lists: Callable[[], QueueBacklog],
        limits: Mapping[str, int | None],
    ) -> None:
        self._read_rows, self._read_lists = read_rows, read_lists
        self._limits = {span: limit for span, limit in limits.items() if limit is not None}
        self._seen: tuple[JobBacklog | None, QueueBacklog | None] | None = None

    def look(self) -> None:
        """Looks at both neighbours; takes as long as they do."""
        self._seen = _unless_down(self._read_rows), _unless_down(self._read_lists)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of the last look, none before the first."""
        if self._seen is None:
            return
        rows, lists = self._seen
        up = {"postgresql": rows, "redis": lists}
        yield NEIGHBOUR_UP.family(((name,), float(seen is not None)) for name, seen in up.items())
        if rows is not None:
            yield from _tell_rows(rows)
        if lists is not None:
            yield from _tell_lists(lists)
        yield QUOTA_LIMIT.family(_labelled(self._limits))


def _unless_down(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except QuelError:
        return None  # told as quel_neighbour_up


def _tell_rows(rows: JobBacklog) -> Iterator[GaugeMetricFamily]:
    jobs = _by_path(rows.jobs, _JOB_STATES)
    yield OPEN_JOBS.family((labels, count) for labels, (count, _) in jobs.items())
    yield OLDEST_JOB.family((labels, oldest_s) for labels, (_, oldest_s) in jobs.items())
    images = _by_path(rows.images, _IMAGE_STATES)
    yield OPEN_IMAGES.family((labels, count) for labels, (count, _) in images.items())
    yield OLDEST_IMAGE.family((labels, oldest_s) for labels, (_, oldest_s) in images.items())
    yield WEBHOOKS.family([((), rows.webhooks.waiting)])
    yield OLDEST_WEBHOOK.family([((), rows.webhooks.oldest_s)])


def _by_path(backlogs: Iterable[Backlog], states: Labels) -> dict[Labels, tuple[int, float]]:
    """Count and age by (path, state): zero where nothing waits, so that no series comes and goes."""
    found: dict[Labels, tuple[int, float]] = {
        (path, state): (0, 0.0) for path in sorted(ALL_PATHS) for state in states
    }
    for backlog in backlogs:
        labels = (backlog.path if backlog.path in ALL_PATHS else "unknown", backlog.state)
        count, oldest_s = found.get(labels, (0, 0.0))
        found[labels] = count + backlog.count, max(oldest_s, backlog.oldest_s)
    return found


def _tell_lists(lists: QueueBacklog) -> Iterator[GaugeMetricFamily]:
    yield QUEUE_MESSAGES.family(lists.messages.items())
    yield RAW_ENTRIES.family(_labelled(lists.raw))
    yield INGEST_SEEN.family(_labelled(lists.ingest_seen_at))
    if lists.swept_at is not None:
        yield SWEPT.family([((), lists.swept_at)])
    yield REJECTED.family([((), lists.rejected)])
    yield PAUSED.family(((path,), float(path in lists.paused_paths)) for path in ("*", *sorted(ALL_PATHS)))
    yield BLOCKED.family([((), lists.blocked_for_s)])
    yield PROVIDER_FAULT.family(
        ((fault.value,), float(fault is lists.provider_fault)) for fault in OperatorFault
    )
    yield CACHED_BYTES.family(_labelled(lists.cached_bytes))
    used = {"minute": lists.quota.minute, "day": lists.quota.today or 0, "at_once": lists.quota.at_once}
    yield QUOTA_USED.family(_labelled(used))


def _labelled(values: Mapping[str, float]) -> Iterator[Sample]:
    return (((name,), float(value)) for name, value in values.items())
