"""Redis with little room: everything is delivered, the front end's pushes go through, nothing is paid twice.

Broker, lists and pictures are on one server, whose `maxmemory` is 8 MB above what it holds when idle.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from quel.sandbox import World, faults
from tests.chaos.case import Case
from tests.preloaded import Preloaded

ROOM_BYTES = 8_000_000
JOBS, IMAGES = 40, 3
PUSH_EVERY_S = 0.05
PATIENCE_S = 180.0


@pytest.fixture
def new_case(own_world: World, tmp_path: Path) -> Iterator[Case]:
    with Preloaded() as preloaded, closing(Case(own_world, preloaded, tmp_path, credits=10_000)) as case:
        yield case


@contextmanager
def pushing(case: Case) -> Iterator[list[str]]:
    """The front end pushes all the time, on a list of its own; what it was refused with."""
    refused: list[str] = []
    stop = threading.Event()

    def push() -> None:
        while not stop.wait(PUSH_EVERY_S):
            try:
                case.studio.redis.lpush("jobs:video", "x" * 36)
                case.studio.redis.ltrim("jobs:video", 0, 99)
            except redis.RedisError as error:
                refused.append(str(error))

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield refused
    finally:
        stop.set()
        thread.join()


def order(case: Case) -> None:
    photographs = [case.studio.photograph(name) for name in ("astronaut.png", "coffee.png", "chelsea.png")]
    input_data = {
        "basePrompt": case.marker,
        "userId": str(case.member),
        "individualImageAttachIds": [
            {"attachId": attach_id, "type": kind}
            for attach_id, kind in zip(photographs, ("model", "background", "top"), strict=True)
        ],
        "combinations": [{"angle": "front", "shot": "full", "quantity": IMAGES}],
    }
    for _ in range(JOBS):
        case.jobs.append(case.studio.job("single_batch", input_data, total_images=IMAGES, member=case.member))
        case.studio.push(case.jobs[-1])


@contextmanager
def little_room(case: Case) -> Iterator[None]:
    """`maxmemory` a little above what the idle server uses."""
    server = case.studio.redis
    server.config_set("maxmemory-policy", "noeviction")
    limit = int(server.info("memory")["used_memory"]) + ROOM_BYTES
    server.config_set("maxmemory", limit)
    try:
        yield
    finally:
        server.config_set("maxmemory", 0)


def test_forty_jobs_go_through_a_redis_with_eight_megabytes_of_room(new_case: Case) -> None:
    case = new_case
    case.world.gemini.fail_next(faults.slow(1.0), times=1_000, containing=case.marker)
    with little_room(case), pushing(case) as refused, case.workers(threads=16):
        order(case)
        began = time.monotonic()
        while case.is_open() and time.monotonic() < began + PATIENCE_S:
            with suppress(redis.RedisError):  # a scheduler's tick that is refused is not made up
                case.sweep()
            time.sleep(1)
        seconds = time.monotonic() - began
    findings = case.audit()
    rows = case.job_rows()
    stored = sum(row["completed_images"] for row in rows)
    print(
        f"{stored} images of {JOBS * IMAGES} in {seconds:.0f} s, {case.provider_calls()} provider calls,"
        f" {len(refused)} pushes refused, stored at once {case.log().count('image.stored_at_once')}"
    )
    assert not refused
    assert not findings.sentences(), case.log()[-4_000:]
    assert stored == case.provider_calls() == JOBS * IMAGES
