"""What an image costs while 100, 1,000 and 10,000 wait, and what Redis holds meanwhile.

Each backlog is prepared first; then the stages that make images work through the same number of them.
"""

import time
from dataclasses import dataclass

from bench.bed import MAKING, Bed
from bench.figures import Figure, Measured, Options
from bench.usage import cpu_s

TITLE = "Cost an image at a backlog"
_JOB = 100
_WARM_UP = 50


@dataclass(frozen=True)
class _Cost:
    workers_ms: float
    servers_ms: float
    wall_ms: float
    redis_peak_mb: float

    @property
    def cpu_ms(self) -> float:
        return self.workers_ms + self.servers_ms


def measure(options: Options) -> Measured:
    """The same images at each backlog: what is made first warms up, the rest is measured."""
    backlogs = (100, 1_000, 2_000) if options.quick else (100, 1_000, 10_000)
    images = options.choose(300, 100)
    costs = {backlog: _cost(backlog, images) for backlog in backlogs}
    figures = []
    for backlog, cost in costs.items():
        figures += [
            Figure(f"{backlog:,} waiting: CPU an image, workers", cost.workers_ms, "ms"),
            Figure(f"{backlog:,} waiting: CPU an image, PostgreSQL and Redis", cost.servers_ms, "ms"),
            Figure(f"{backlog:,} waiting: wall an image", cost.wall_ms, "ms"),
            Figure(f"{backlog:,} waiting: Redis at its peak", cost.redis_peak_mb, "MB"),
        ]
    least, most = costs[backlogs[0]], costs[backlogs[-1]]
    name = f"{backlogs[-1]:,} ÷ {backlogs[0]:,} waiting"
    figures.append(Figure(f"CPU an image, {name}", most.cpu_ms / least.cpu_ms, "×", at_most=1.15))
    figures.append(Figure(f"wall an image, {name}", most.wall_ms / least.wall_ms, "×", at_most=1.15))
    return Measured(figures)


def _cost(backlog: int, images: int) -> _Cost:
    """The cost of `images` images with at least `backlog` more behind the first of them."""
    with Bed() as bed:
        bed.prepare(bed.jobs(backlog + _WARM_UP + images, each=_JOB), timeout_s=600)
        with bed.workers(queues=MAKING) as running:
            bed.await_count("stored", _WARM_UP)
            began = _Moment.now(bed, running.pid)
            bed.await_count("stored", began.stored + images)
            ended = _Moment.now(bed, running.pid)
            running.kill()
        peak_bytes = int(bed.redis_info()["used_memory_peak"])
    made = ended.stored - began.stored
    return _Cost(
        workers_ms=1000 * (ended.workers_s - began.workers_s) / made,
        servers_ms=1000 * (ended.servers_s - began.servers_s) / made,
        wall_ms=1000 * (ended.at_s - began.at_s) / made,
        redis_peak_mb=peak_bytes / 1e6,
    )


@dataclass(frozen=True)
class _Moment:
    at_s: float
    stored: int
    workers_s: float
    servers_s: float

    @classmethod
    def now(cls, bed: Bed, pid: int) -> "_Moment":
        return cls(time.monotonic(), bed.count("stored"), cpu_s(pid), bed.server_cpu_s())
