"""The peak memory of one worker with 32 calls in flight, and of Redis meanwhile."""

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from bench.usage import largest_peak_bytes

TITLE = "Memory with 32 calls in flight"
_THREADS = 32
_PROVIDER_S = 2.0


def measure(options: Options) -> Measured:
    """One process does all stages; the answers of a round arrive almost at once."""
    images = options.choose(320, 128)
    with Bed(latency_s=_PROVIDER_S) as bed:
        with bed.workers(processes=1, threads=_THREADS) as running:
            bed.finish(bed.jobs(images, each=32))
            peak_bytes = largest_peak_bytes(running.pid)
        calls = bed.world.gemini.calls()
        redis_bytes = int(bed.redis_info()["used_memory_peak"])
    spans = [(call.arrived_at, call.finished_at or call.arrived_at) for call in calls]
    return Measured(
        [
            Figure("calls in flight at once", _most_at_once(spans), "calls", at_least=_THREADS),
            Figure("peak resident memory of the worker", peak_bytes / 1e6, "MB", at_most=400),
            Figure("Redis at its peak", redis_bytes / 1e6, "MB"),
        ]
    )


def _most_at_once(spans: list[tuple[float, float]]) -> int:
    changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most
