"""A Redis with little or no room: what may still be written, and that it can be cleared."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from quel.adapters.redis.blobs import Blobs
from quel.adapters.redis.quota import GeminiQuota
from quel.adapters.redis.room import ASKED, Room
from quel.core.errors import NoRoom
from quel.core.outcome import PictureBytes
from quel.core.quota import CallResult, CallsBegun, Later, Slot
from quel.sandbox import faults
from tests.integration.harness import Pipeline, until
from tests.integration.redis_of_its_own import running_redis, url_of

MB = 1_000_000
LIMIT = 16 * MB
RESERVE = LIMIT / 8
PICTURE = PictureBytes(b"\x01" * MB, "image/png")


@pytest.fixture
def url() -> Iterator[str]:
    with running_redis(f"maxmemory {LIMIT}", "databases 2") as server:
        yield url_of(server)


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def blobs(client: redis.Redis) -> Blobs:
    return Blobs(client, budget_bytes=1_000 * MB)


def fill(client: redis.Redis, *, leaving: float) -> None:
    """Somebody else's data, but for so many reserves."""
    while (room := LIMIT - client.info("memory")["used_memory"] - leaving * RESERVE) > 40_000:
        client.set(f"junk:{uuid4()}", os.urandom(min(int(room) - 20_000, 500_000)))


def overfill(client: redis.Redis) -> None:
    """As when the limit was lowered, or buffers grew: from now on every write is refused."""
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) - 500_000)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.lpush("jobs:queue", "x")


def quota(client: redis.Redis) -> GeminiQuota:
    return GeminiQuota(
        client,
        rpm=5,
        rpd=5,
        concurrency=5,
        call_timeout_s=60,
        blob_budget_bytes=1_000 * MB,
        calls_begun=lambda window_s, day_s: CallsBegun((), 0, ()),
    )


def test_dropping_a_picture_frees_a_server_that_refuses_every_write(
    client: redis.Redis, blobs: Blobs
) -> None:
    job = uuid4()
    key = blobs.put_input(job, "digest", PICTURE)
    blobs.put_output(job, 0, PICTURE)
    overfill(client)
    blobs.drop_job(job, [key], images=1)
    client.lpush("jobs:queue", "x")
    assert client.keys("quel:blob*") == []


def test_a_full_server_hears_how_a_call_went(client: redis.Redis, blobs: Blobs) -> None:
    limits = quota(client)
    slots = [limits.reserve() for _ in range(4)]
    overfill(client)
    first, second, third, fourth = (slot for slot in slots if isinstance(slot, Slot))
    limits.give_back(first)
    limits.report(second, CallResult.ANSWERED)
    assert limits.report(third, CallResult.MINUTE, pause_s=5) > 4
    limits.keep([fourth.owner])
    answer = limits.reserve()
    assert isinstance(answer, Later)
    assert answer.reason == "memory"


def test_an_answer_that_would_eat_the_reserve_is_refused_and_leaves_nothing(
    client: redis.Redis, blobs: Blobs
) -> None:
    fill(client, leaving=1.2)
    before = sorted(client.keys("*"))
    with pytest.raises(NoRoom):
        blobs.put_output(uuid4(), 0, PICTURE)
    assert sorted(client.keys("*")) == before


def test_a_put_that_a_full_server_refuses_half_way_is_no_room_either(
    client: redis.Redis, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    overfill(client)
    monkeypatch.setattr(Room, "ask", lambda *_, **__: "granted a moment ago:1")
    with pytest.raises(NoRoom):
        blobs.put_output(uuid4(), 0, PICTURE)
    assert client.keys("quel:blob*") == []


def test_inputs_stop_well_before_answers_do(client: redis.Redis, blobs: Blobs) -> None:
    assert not blobs.inputs_full()
    fill(client, leaving=2.5)
    assert blobs.inputs_full()
    with pytest.raises(NoRoom):
        blobs.put_input(uuid4(), "digest", PICTURE)
    blobs.put_output(uuid4(), 0, PICTURE)


def test_what_others_have_asked_for_is_taken_until_it_has_come(client: redis.Redis) -> None:
    room = Room(client)
    fill(client, leaving=2)
    size = int(RESERVE * 0.6)
    assert room.ask(size, leaving=1)
    assert not room.ask(size, leaving=1)
    client.delete(ASKED)
    assert room.ask(size, leaving=1)


def test_a_word_of_a_dead_asker_and_one_from_a_clock_that_ran_ahead_are_forgotten(
    client: redis.Redis,
) -> None:
    client.zadd(ASKED, {f"dead:{LIMIT}": 1, f"from tomorrow:{LIMIT}": 9e15})
    assert Room(client).ask(MB, leaving=1)


def test_a_server_without_a_limit_has_room_for_everything(client: redis.Redis) -> None:
    client.config_set("maxmemory", 0)
    assert Room(client).ask(10**15, leaving=4)


def test_a_picture_is_read_slice_by_slice_and_what_is_kept_is_never_exchanged(blobs: Blobs) -> None:
    job = uuid4()
    picture = PictureBytes(os.urandom(3 * 65_536 - len("image/webp\n")), "image/webp")  # ends with a slice
    blobs.put_output(job, 0, picture)
    blobs.put_output(job, 0, PICTURE)
    assert blobs.output(job, 0) == picture
    assert blobs.output(job, 1) is None


def test_an_image_that_redis_has_no_room_for_is_stored_at_once_and_delivered(
    pipeline: Pipeline, url: str, client: redis.Redis
) -> None:
    studio = pipeline.studio
    job_id = studio.job("simple_general", {"prompt": "no room"}, total_images=2, member=studio.member())
    workers = pipeline.workers(REDIS_URL=url)
    pipeline.world.gemini.fail_next(faults.slow(3.0), times=2, containing="no room")
    client.lpush("jobs:queue", str(job_id))
    until(lambda: pipeline.world.calls("no room"), "a call is under way")
    fill(client, leaving=0.7)
    (row,) = studio.wait([job_id]).values()
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert len(pipeline.world.calls("no room")) == 2
    assert workers.log.read_text().count("image.stored_at_once") == 2


def test_a_worker_warns_at_its_start_of_a_redis_that_is_too_small(pipeline: Pipeline, url: str) -> None:
    workers = pipeline.workers("finalize_job", REDIS_URL=url)
    until(lambda: "redis.memory" in workers.log.read_text(), "the warning")
    (said,) = [line for line in workers.log.read_text().splitlines() if "redis.memory" in line][:1]
    assert "QUEL_BLOB_BUDGET_BYTES" in said
    assert "maxmemory" in said
