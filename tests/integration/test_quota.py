"""The provider's quota in Redis: reservations, what opens the breaker, and what is left of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest
import redis

from quel.adapters.redis.blobs import Blobs
from quel.adapters.redis.quota import WINDOW_MS, GeminiQuota
from quel.core.outcome import PictureBytes
from quel.core.quota import CallResult, CallsBegun, Later, Slot

BUDGET_BYTES = 10_000
WINDOW_S = WINDOW_MS / 1000
PAUSE_S = 3.0  # long enough to be noticed on a busy machine
A_PICTURE = PictureBytes(b"x" * BUDGET_BYTES, "image/png")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


NOTHING = CallsBegun((), 0, ())


def quota(client: redis.Redis, rows: CallsBegun = NOTHING, **limits: int | None) -> GeminiQuota:
    given = {"rpm": None, "rpd": None, "concurrency": None} | limits
    return GeminiQuota(
        client,
        **given,
        call_timeout_s=60,
        blob_budget_bytes=BUDGET_BYTES,
        calls_begun=lambda window_s, day_s: rows,
    )


def granted(answer: Slot | Later) -> Slot:
    assert isinstance(answer, Slot)
    return answer


def stopwatch() -> Callable[[], float]:
    """Tells the seconds since now; a little more, because Redis counts by another clock."""
    began_s = time.monotonic()
    return lambda: time.monotonic() - began_s + 0.05


def refused(answer: Slot | Later) -> Later:
    assert isinstance(answer, Later)
    return answer


def test_a_minute_lets_through_what_it_may_and_then_says_when(client: redis.Redis) -> None:
    minute = quota(client, rpm=5)
    since = stopwatch()
    slots = [int(granted(minute.reserve()).at_ms) for _ in range(5)]
    assert all(later > earlier for earlier, later in pairwise(slots))  # never all at one instant
    assert slots[-1] - slots[0] < 1_000 * since() + 1_000
    later = refused(minute.reserve())
    assert later.reason == "minute"
    assert WINDOW_S - since() <= later.wait_s <= WINDOW_S


def test_two_processes_share_one_minute(redis_url: str, client: redis.Redis) -> None:
    with redis.Redis.from_url(redis_url) as other:
        granted(quota(client, rpm=2).reserve())
        granted(quota(other, rpm=2).reserve())
        refused(quota(client, rpm=2).reserve())


def test_a_slot_that_is_given_back_is_free_again(client: redis.Redis) -> None:
    minute = quota(client, rpm=1)
    slot = granted(minute.reserve())
    refused(minute.reserve())
    minute.give_back(slot)
    granted(minute.reserve())


def test_a_call_that_begins_late_takes_its_slot_along(client: redis.Redis) -> None:
    minute = quota(client, rpm=1)
    slot = granted(minute.reserve())
    early = replace(slot, due_at_s=time.monotonic() + 10)
    assert minute.begin(early) == early
    time.sleep(0.6)
    since = stopwatch()
    late = minute.begin(slot)
    assert late is not None
    assert int(late.at_ms) >= int(slot.at_ms) + 500
    assert refused(minute.reserve()).wait_s >= WINDOW_S - since()
    minute.give_back(late)
    granted(minute.reserve())


def test_a_days_quota_keeps_everyone_away_and_says_so_until_it_is_raised(client: redis.Redis) -> None:
    day = quota(client, rpd=1)
    granted(day.reserve())
    assert day.blocked_for_s() == 0
    assert refused(day.reserve()).reason == "day"
    assert 0 < day.blocked_for_s() <= 25 * 3600
    assert day.state()["reason"] == "day"
    raised = quota(client, rpd=2)
    granted(raised.reserve())
    assert raised.blocked_for_s() == 0


def test_answers_that_wait_to_be_stored_keep_new_calls_back(client: redis.Redis) -> None:
    free, blobs, job = quota(client), Blobs(client, budget_bytes=BUDGET_BYTES), uuid4()
    blobs.put_output(job, 0, A_PICTURE)
    assert refused(free.reserve()).reason == "blobs"
    assert free.outputs_full()
    blobs.drop_output(job, 0)
    assert not free.outputs_full()
    granted(free.reserve())


def test_calls_at_once_are_leases_that_a_dead_holder_does_not_keep(client: redis.Redis) -> None:
    one = quota(client, concurrency=1)
    slot = granted(one.reserve())
    assert refused(one.reserve()).reason == "concurrency"
    client.zadd("quel:quota:calls", {slot.owner: 1})  # its lease ran out long ago
    again = granted(one.reserve())
    one.report(again, CallResult.ANSWERED)
    granted(one.reserve())


def test_the_providers_word_closes_the_gate_for_everyone_and_one_call_probes(
    redis_url: str, client: redis.Redis
) -> None:
    here = quota(client, rpm=100)
    slot, since = granted(here.reserve()), stopwatch()
    closed_s = here.report(slot, CallResult.MINUTE, pause_s=PAUSE_S)
    assert PAUSE_S - since() <= closed_s <= PAUSE_S
    with redis.Redis.from_url(redis_url) as other:
        there = quota(other, rpm=100)
        assert refused(there.reserve()).reason == "minute"
        time.sleep(closed_s)
        probe = granted(there.reserve())
        assert refused(here.reserve()).reason == "probe"
        there.report(probe, CallResult.ANSWERED)
    granted(here.reserve())


def test_it_goes_on_after_redis_has_forgotten_scripts_and_data(client: redis.Redis) -> None:
    minute = quota(client, rpm=1)
    granted(minute.reserve())
    client.script_flush()
    refused(minute.reserve())
    client.flushdb()
    granted(minute.reserve())


def test_every_key_expires_by_itself(client: redis.Redis) -> None:
    everything = quota(client, rpm=5, rpd=5, concurrency=5)
    everything.report(granted(everything.reserve()), CallResult.UNKNOWN)
    blobs, job = Blobs(client, budget_bytes=BUDGET_BYTES), uuid4()
    blobs.put_output(job, 0, A_PICTURE)
    blobs.put_input(job, "digest", A_PICTURE)
    keys = client.keys("quel:*")
    assert len(keys) >= 10
    assert [key for key in keys if client.pttl(key) <= 0] == []
