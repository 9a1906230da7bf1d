"""How many calls of others a one-image job waits for while a job of a thousand images fills the quota.

The quota's minute is written into Redis as already used, evenly: slots come free one by one from the first
second on, as they do in a long saturated afternoon.
"""

import time
from uuid import UUID

from bench.bed import CREDITS, Bed
from bench.figures import Figure, Measured, Options, quantile

TITLE = "A one-image job behind a 1,000-image job"
_RPM = 180
_SLOT_MS = 60_900 // _RPM
_LARGE = 1_000
_BETWEEN_S = 2.0
_MARK = "small-order"


def measure(options: Options) -> Measured:
    """Small jobs of new customers, one after the other, while the large one takes every slot it gets."""
    with Bed(QUEL_GEMINI_RPM=str(_RPM), QUEL_MAX_IMAGES_PER_JOB=str(_LARGE)) as bed:
        _use_up_the_minute(bed)
        with bed.workers():
            large = bed.job(_LARGE)
            bed.studio.push(large)
            bed.await_count("ready", _LARGE // 2)
            small = [_push_small(bed, number) for number in range(options.choose(20, 5))]
            bed.studio.wait(small, timeout_s=120)
        waits = _waits(bed, small)
    return Measured(
        [
            Figure("wait of a small job, p50", quantile(waits, 0.5), "slots"),
            Figure("wait of a small job, longest", max(waits), "slots", at_most=5),
        ],
        {"waits_slots": waits},
    )


def _use_up_the_minute(bed: Bed) -> None:
    now_ms = int(time.time() * 1000)
    slots = [now_ms - _SLOT_MS * number for number in range(_RPM)]
    bed.studio.redis.rpush("quel:quota:slots", *slots)


def _push_small(bed: Bed, number: int) -> UUID:
    time.sleep(_BETWEEN_S)
    job = bed.job(1, member=bed.studio.member(CREDITS), prompt=f"{_MARK} {number};")
    bed.studio.push(job)
    return job


def _waits(bed: Bed, small: list[UUID]) -> list[float]:
    """For each small job, the calls of others between its becoming ready and its own call."""
    statement = (
        "SELECT job_id, extract(epoch FROM not_before)::float8 AS ready_at FROM quel.image"
        " WHERE job_id = ANY(%s)"
    )
    ready_at = {row["job_id"]: row["ready_at"] for row in bed.studio.rows(statement, small)}
    calls = bed.world.gemini.calls()
    waits = []
    for number, job in enumerate(small):
        (own,) = (call for call in calls if f"{_MARK} {number};" in call.prompt)
        waits.append(float(sum(ready_at[job] < call.arrived_at < own.arrived_at for call in calls)))
    return waits
