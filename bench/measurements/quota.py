"""Use of a minute's quota by two processes whose threads all wait for it, as the provider counts arrivals."""

import time
from bisect import bisect_left
from collections import Counter
from itertools import pairwise

from bench.bed import MAKING, Bed
from bench.counts import counting_workers
from bench.figures import Figure, Measured, Options

TITLE = "A quota of 600 calls a minute"
_RPM = 600
_PROCESSES = 2
_PROVIDER_S = 1.0
_MINUTE_S = 60.0
_LAST_CALLS_S = 3.0


def measure(options: Options) -> Measured:
    """Once with 40 and once with 200 threads that want to call; the provider enforces the quota, too."""
    figures: list[Figure] = []
    samples: dict[str, list[int]] = {}
    for threads in (40, 200):
        arrivals, refused, counts = _run(threads, minutes=options.choose(3, 1))
        more, samples[f"calls_each_minute_{threads}"] = _figures(threads, arrivals, refused, counts)
        figures += more
    return Measured(figures, samples)


def _run(threads: int, *, minutes: int) -> tuple[list[float], int, Counter[str]]:
    """When calls were let through, how many the provider refused, and what the quota was asked."""
    with Bed(latency_s=_PROVIDER_S, rpm=_RPM, QUEL_GEMINI_RPM=str(_RPM)) as bed:
        bed.prepare(bed.jobs((minutes + 1) * _RPM, each=100))
        with counting_workers(
            bed, queues=MAKING, processes=_PROCESSES, threads=threads // _PROCESSES
        ) as counts:
            time.sleep(minutes * _MINUTE_S + _LAST_CALLS_S)
            if bed.count("ready") == 0:
                raise RuntimeError("The backlog ran out before the last minute had ended.")
        calls = bed.world.gemini.calls()
    refused = sum(call.outcome == "rate_limited" for call in calls)
    return [call.arrived_at for call in calls if call.outcome != "rate_limited"], refused, counts


def _figures(
    threads: int, arrivals: list[float], refused: int, counts: Counter[str]
) -> tuple[list[Figure], list[int]]:
    arrivals = sorted(arrivals)
    each_minute = calls_each_full_minute(arrivals)
    reserved = sum(number for what, number in counts.items() if what.startswith("quota "))
    with_threads = f"{threads} waiting"
    worst, calls = min(each_minute) / _RPM, reserved / counts["quota granted"]
    figures = [
        Figure(f"{with_threads}: worst full minute, used ÷ allowed", worst, "×", at_least=0.98),
        Figure(f"{with_threads}: largest 60 s, calls", busiest_minute(arrivals), "calls", at_most=_RPM),
        Figure(f"{with_threads}: answers 429", refused, "answers", at_most=0),
        Figure(f"{with_threads}: Redis calls an admission", calls, "calls", at_most=1.1),
    ]
    return figures, each_minute


def calls_each_full_minute(arrivals: list[float]) -> list[int]:
    """Calls in each whole minute since the first one, of sorted arrivals. Raises RuntimeError for none."""
    minutes = int((arrivals[-1] - arrivals[0]) // _MINUTE_S) if arrivals else 0
    if minutes == 0:
        raise RuntimeError("The calls did not last for a minute.")
    edges = [bisect_left(arrivals, arrivals[0] + _MINUTE_S * minute) for minute in range(minutes + 1)]
    return [end - begin for begin, end in pairwise(edges)]


def busiest_minute(arrivals: list[float]) -> int:
    """The most calls within any 60 seconds, of sorted arrivals."""
    return max(bisect_left(arrivals, arrived + _MINUTE_S) - number for number, arrived in enumerate(arrivals))
