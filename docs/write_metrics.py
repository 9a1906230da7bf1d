"""Writes docs/metrics.md from the metrics and events the code declares.

Run `python docs/write_metrics.py` after changing one; a test fails while the page is old.
"""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from quel.observe import metrics
from quel.observe.backlog_collector import STATE_GAUGES
from quel.observe.events import Event, level_of

PAGE = Path(__file__).with_name("metrics.md")

INTRODUCTION = """# Metrics and events

Every process with QUEL_HTTP_PORT set serves `/metrics`, `/livez` and `/readyz` on that port. Of several
processes of one command (`dramatiq -p 2`) the first gets the port and tells the sum of all. Seconds and bytes
are base units; `path` is the production path, `unknown` where none is known yet; `actor` is the step.

This page is written by `python docs/write_metrics.py`.
"""

TABLE = "\n| metric | kind | labels | meaning |\n|---|---|---|---|\n"

STATE = """
## What stands in PostgreSQL and Redis

Told by the processes that serve `sweep_stuck_jobs` (finalize), looked at every ten seconds. Several pods tell
the same, so a query takes `max`. While a neighbour is away its gauges are left out and `quel_neighbour_up`
is 0.
"""

EVENTS = """
## Events

Every log line is an event with fields. Lines of a job carry `job_id`, `path`, `actor`, and where there is one
`stage` (counted from 0) and `image` (counted from 0).

| event | level |
|---|---|
"""


def counted() -> Iterator[str]:
    """A row a metric that the processes count."""
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            [family] = metric.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            yield row(name, family.type, metric._labelnames, family.documentation)


def row(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
    """A row of a table."""
    return f"| `{name}` | {kind} | {', '.join(labels) or '–'} | {meaning} |\n"


def page() -> str:
    """The page."""
    state = [row(gauge.name, "gauge", gauge.labels, gauge.help) for gauge in STATE_GAUGES]
    events = [f"| `{event.value}` | {level_of(event)} |\n" for event in Event]
    counts = "\n## What the processes count\n" + TABLE + "".join(counted())
    return INTRODUCTION + counts + STATE + TABLE + "".join(state) + EVENTS + "".join(events)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
