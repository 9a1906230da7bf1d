"""What workers take while there is nothing to do: threads, connections and looks at empty queues."""

import time

from bench.bed import Bed
from bench.figures import Figure, Measured, Options
from bench.usage import cpu_s

TITLE = "Workers with nothing to do"
_SETTLING_S = 5.0


def measure(options: Options) -> Measured:
    """One process of all groups, with eight threads."""
    seconds = options.choose(60, 20)
    with Bed() as bed, bed.workers(processes=1) as running:
        time.sleep(_SETTLING_S)
        before_s = cpu_s(running.pid)
        time.sleep(seconds)
        used_s = cpu_s(running.pid) - before_s
    return Measured([Figure("CPU of an idle process of workers", 1_000 * used_s / seconds, "ms/s")])
