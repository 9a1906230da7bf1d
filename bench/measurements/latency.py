"""What quel adds to a one-image job on an idle system: from push to `completed`, less the provider's time."""

import random
import time
from uuid import UUID

import psycopg2

from bench.bed import Bed
from bench.figures import Figure, Measured, Options, quantile
from quel.sandbox.studio import ENDED

TITLE = "Time added to a one-image job, idle"
_WARM_UP = 4
_LOOK_EVERY_S = 0.004
_LONGEST_S = 60.0


def measure(options: Options) -> Measured:
    """One job at a time, at moments that have nothing to do with the workers' polls."""
    chance = random.Random(5)
    added_ms = []
    with Bed() as bed, bed.workers():
        for _ in range(_WARM_UP):
            bed.finish([bed.job(1)])
        for _ in range(options.choose(60, 15)):
            job = bed.job(1)
            time.sleep(chance.uniform(0.3, 0.8))
            added_ms.append(1000 * _added_s(bed, job))
    return Measured(
        [
            Figure("added, p50", quantile(added_ms, 0.50), "ms", at_most=250),
            Figure("added, p95", quantile(added_ms, 0.95), "ms"),
        ],
        {"added_ms": [round(value, 1) for value in added_ms]},
    )


def _added_s(bed: Bed, job: UUID) -> float:
    seen = len(bed.world.gemini.calls())
    connection = psycopg2.connect(bed.world.database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            began = time.monotonic()
            bed.studio.push(job)
            while True:
                cursor.execute("SELECT job_status FROM quel_production_jobs WHERE job_id = %s", (str(job),))
                row = cursor.fetchone()
                took_s = time.monotonic() - began
                if row and row[0] in ENDED:
                    break
                if took_s > _LONGEST_S:
                    raise TimeoutError("A one-image job did not end.")
                time.sleep(_LOOK_EVERY_S)
    finally:
        connection.close()
    (call,) = bed.world.gemini.calls(since=seen)
    return took_s - ((call.finished_at or call.arrived_at) - call.arrived_at)
