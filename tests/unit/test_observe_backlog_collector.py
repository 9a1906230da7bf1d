from collections.abc import Callable

from prometheus_client import CollectorRegistry

from quel.core.errors import ServiceUnavailable
from quel.core.operations.backlog import Backlog, JobBacklog, QueueBacklog, WebhookBacklog
from quel.core.operator_fault import OperatorFault
from quel.core.paths import PATHS
from quel.core.quota import QuotaUse
from quel.observe.backlog_collector import STATE_GAUGES, BacklogCollector
from quel.observe.metrics import samples

ROWS = JobBacklog(
    jobs=(Backlog("fashion", "pending", 3, 42.0), Backlog("a path of old", "pending", 1, 7.0)),
    images=(Backlog("beauty", "ready", 12, 30.0),),
    webhooks=WebhookBacklog(2, 90.0),
)
LISTS = QueueBacklog(
    messages={("generate_image", "waiting"): 5},
    raw={"jobs:queue": 2},
    ingest_seen_at={"jobs:queue": 1_000.0},
    swept_at=2_000.0,
    rejected=4,
    paused_paths=frozenset({"eats"}),
    blocked_for_s=12.5,
    provider_fault=OperatorFault.SPENDING_CAP,
    cached_bytes={"in": 100, "out": 0},
    quota=QuotaUse(minute=41, today=None, at_once=3),
)


def collector(read_rows: Callable[[], JobBacklog] = lambda: ROWS) -> BacklogCollector:
    return BacklogCollector(read_rows=read_rows, read_lists=lambda: LISTS, limits={"minute": 60, "day": None})


def told(backlog: BacklogCollector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(backlog)
    return registry


def down() -> JobBacklog:
    raise ServiceUnavailable("PostgreSQL cannot answer now.")


def test_nothing_is_told_before_the_first_look() -> None:
    assert list(collector().collect()) == []


def test_a_look_at_both_tells_every_gauge_that_is_declared() -> None:
    backlog = collector()
    backlog.look()
    assert {family.name for family in backlog.collect()} == {gauge.name for gauge in STATE_GAUGES}


def test_every_path_has_a_series_and_a_name_nobody_knows_is_summed_as_unknown() -> None:
    backlog = collector()
    backlog.look()
    pending = {
        labels["path"]: count
        for labels, count in samples("quel_open_jobs", told(backlog))
        if labels["state"] == "pending"
    }
    assert pending == dict.fromkeys(PATHS, 0) | {"fashion": 3, "unknown": 1}


def test_a_pause_is_told_for_its_path_alone() -> None:
    backlog = collector()
    backlog.look()
    paused = {labels["path"]: value for labels, value in samples("quel_paused", told(backlog))}
    assert paused == dict.fromkeys(["*", *PATHS], 0) | {"eats": 1}


def test_what_an_operator_must_mend_is_told_under_its_fixed_name() -> None:
    backlog = collector()
    backlog.look()
    faults = samples("quel_provider_needs_operator", told(backlog))
    found = {labels["reason"]: value for labels, value in faults}
    assert found == dict.fromkeys(OperatorFault, 0) | {"spending_cap": 1}


def test_what_a_neighbour_that_is_away_knows_is_left_out() -> None:
    backlog = collector(down)
    backlog.look()
    registry = told(backlog)
    up = {labels["neighbour"]: value for labels, value in samples("quel_neighbour_up", registry)}
    assert up == {"postgresql": 0, "redis": 1}
    assert list(samples("quel_open_jobs", registry)) == []
    assert list(samples("quel_rejected_entries", registry)) == [({}, 4.0)]


def test_what_is_used_of_the_quota_stands_beside_what_is_allowed() -> None:
    backlog = collector()
    backlog.look()
    used = {labels["span"]: value for labels, value in samples("quel_quota_calls", told(backlog))}
    assert used == {"minute": 41, "day": 0, "at_once": 3}
    assert [*samples("quel_quota_limit", told(backlog))] == [({"span": "minute"}, 60)]
