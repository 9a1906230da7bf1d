"""The quota when Redis has lost what it knew, or a clock is wrong: never exceeded, and nobody is stopped."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import redis
from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.provider_calls import ProviderCalls, record_call
from quel.adapters.redis.ingest import ReliableQueue, signs_of_life
from quel.adapters.redis.quota import WINDOW_MS, GeminiQuota, blocked_for_s
from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.core.quota import CallResult, CallsBegun, Later, Slot

HOUR_S = 3_600
BRIDGES = "quel:ingest:bridges"
SLOTS, DAY, CALLS, BREAKER = (f"quel:quota:{name}" for name in ("slots", "day", "calls", "gate"))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


class Rows:
    """What the rows know; a test says what that is."""

    def __init__(self) -> None:
        self.ages_s: tuple[float, ...] = ()
        self.today = 0
        self.under_way: tuple[str, ...] = ()
        self.asked = 0

    def begun(self, window_s: float, day_s: float) -> CallsBegun:
        assert window_s == WINDOW_MS / 1000
        assert 0 <= day_s <= 25 * HOUR_S
        self.asked += 1
        return CallsBegun(self.ages_s, self.today, self.under_way)


@pytest.fixture
def rows() -> Rows:
    return Rows()


def quota(client: redis.Redis, rows: Rows, **limits: int | None) -> GeminiQuota:
    given = {"rpm": None, "rpd": None, "concurrency": None} | limits
    return GeminiQuota(client, **given, call_timeout_s=60, blob_budget_bytes=10**9, calls_begun=rows.begun)


def granted(answer: Slot | Later) -> Slot:
    assert isinstance(answer, Slot), answer
    return answer


def refused(answer: Slot | Later) -> Later:
    assert isinstance(answer, Later), answer
    return answer


def now_ms(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def test_rows_are_asked_once_and_not_at_all_without_a_limit(client: redis.Redis, rows: Rows) -> None:
    granted(quota(client, rows).reserve())
    assert rows.asked == 0
    for _ in range(3):
        granted(quota(client, rows, rpm=5, rpd=5, concurrency=5).reserve())
    assert rows.asked == 1


def test_a_minute_that_redis_forgot_is_counted_from_the_rows(client: redis.Redis, rows: Rows) -> None:
    minute = quota(client, rows, rpm=2)
    granted(minute.reserve())
    granted(minute.reserve())
    client.flushdb()
    rows.ages_s = (1.0, 20.0)
    later = refused(minute.reserve())
    assert later.reason == "minute"
    assert WINDOW_MS / 1000 - 30 < later.wait_s < WINDOW_MS / 1000 - 19


def test_a_slot_from_before_a_flush_is_void(client: redis.Redis, rows: Rows) -> None:
    minute = quota(client, rows, rpm=5)
    before = granted(minute.reserve())
    assert minute.begin(before) == before
    client.flushdb()
    assert minute.begin(before) is None
    after = granted(minute.reserve())
    assert minute.begin(before) is None
    assert minute.begin(after) == after


def test_the_days_use_is_counted_from_the_rows(client: redis.Redis, rows: Rows) -> None:
    day = quota(client, rows, rpd=3)
    client.flushdb()
    rows.today = 2
    granted(day.reserve())
    assert refused(day.reserve()).reason == "day"


def test_calls_under_way_keep_their_places_and_free_them_when_they_end(
    client: redis.Redis, rows: Rows
) -> None:
    few = quota(client, rows, concurrency=2)
    first, second = granted(few.reserve()), granted(few.reserve())
    client.flushdb()
    rows.under_way = (first.owner, second.owner)
    assert refused(few.reserve()).reason == "concurrency"
    few.report(first, CallResult.ANSWERED)
    granted(few.reserve())


def test_the_keeper_adds_a_call_that_neither_redis_nor_the_rows_know_any_more(
    client: redis.Redis, rows: Rows
) -> None:
    one = quota(client, rows, concurrency=1)
    slot = granted(one.reserve())
    client.flushdb()
    one.keep([slot.owner])
    assert refused(one.reserve()).reason == "concurrency"


def test_the_keeper_does_not_bring_back_a_call_that_has_ended(client: redis.Redis, rows: Rows) -> None:
    one = quota(client, rows, concurrency=1)
    slot = granted(one.reserve())
    client.set("quel:quota:known", f"{now_ms(client) - HOUR_S * 1000}:long ago", ex=60)
    one.report(slot, CallResult.ANSWERED)
    one.keep([slot.owner])
    granted(one.reserve())


def test_a_slot_given_back_after_the_days_end_does_not_free_the_new_day(
    client: redis.Redis, rows: Rows
) -> None:
    day = quota(client, rows, rpd=2)
    today = granted(day.reserve())
    yesterday = replace(today, at_ms=str(now_ms(client) - 25 * HOUR_S * 1000))
    client.rpush(SLOTS, yesterday.at_ms)
    day.give_back(yesterday)
    assert client.hget(DAY, "used") == b"1"
    day.give_back(today)
    assert client.hget(DAY, "used") == b"0"


def test_a_new_day_begins_with_what_the_rows_know_of_it(client: redis.Redis, rows: Rows) -> None:
    day = quota(client, rows, rpd=2)
    granted(day.reserve())
    granted(day.reserve())
    refused(day.reserve())
    client.hset(DAY, "end", now_ms(client) - 1)  # the day is over
    rows.today = 1
    granted(day.reserve())
    assert refused(day.reserve()).reason == "day"


def test_slots_of_a_clock_that_jumped_back_are_forgotten(client: redis.Redis, rows: Rows) -> None:
    minute = quota(client, rows, rpm=3)
    slot = granted(minute.reserve())
    client.delete(SLOTS)
    client.lpush(SLOTS, *[now_ms(client) + HOUR_S * 1000 + n for n in range(3)])
    rows.ages_s = (5.0, 6.0)
    new = granted(minute.reserve())
    assert refused(minute.reserve()).reason == "minute"
    assert minute.begin(slot) is None
    assert minute.begin(new) == new


def test_places_of_a_clock_that_jumped_either_way_are_counted_from_the_rows(
    client: redis.Redis, rows: Rows
) -> None:
    for jump_s in (HOUR_S, -HOUR_S):
        client.flushdb()
        two = quota(client, rows, concurrency=2)
        rows.under_way = ()
        owners = [granted(two.reserve()).owner for _ in range(2)]
        for owner in owners:
            client.zincrby(CALLS, jump_s * 1000, owner)
        rows.under_way = (owners[0],)
        granted(two.reserve())
        assert refused(two.reserve()).reason == "concurrency"


def test_a_pause_of_a_clock_that_jumped_back_lasts_no_longer_than_it_was_to(
    client: redis.Redis, rows: Rows
) -> None:
    limits = quota(client, rows, rpm=100)
    limits.report(granted(limits.reserve()), CallResult.MINUTE, pause_s=10)
    for field in ("at", "until"):
        client.hincrby(BREAKER, field, HOUR_S * 1000)
    assert blocked_for_s(client) <= 10
    assert refused(limits.reserve()).wait_s <= 10
    until = client.hget(BREAKER, "until")
    refused(limits.reserve())
    assert client.hget(BREAKER, "until") == until  # it runs out


@pytest.mark.parametrize("off_s", [HOUR_S, -HOUR_S])
def test_the_clock_of_a_host_counts_for_nothing(
    client: redis.Redis, rows: Rows, monkeypatch: pytest.MonkeyPatch, off_s: int
) -> None:
    true_time = time.time
    limits = quota(client, rows, rpm=100)
    bridge, other = (ReliableQueue(client, "jobs:queue", block_s=0.01) for _ in range(2))
    client.lpush("jobs:queue", "an id")
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: true_time() + off_s)
        assert 9 < limits.report(granted(limits.reserve()), CallResult.MINUTE, pause_s=10) <= 10
        assert 8 < limits.blocked_for_s() <= 10
        assert bridge.take() == b"an id"
        SweepHeartbeat(client).beat()
    assert other.reclaim() == 0
    assert abs(signs_of_life(client)["jobs:queue"] - time.time()) < 5
    assert abs((SweepHeartbeat(client).last_at() or 0) - time.time()) < 5


def test_a_bridge_that_died_before_the_clock_jumped_back_is_dead_half_a_minute_later(
    client: redis.Redis,
) -> None:
    dead, other = (ReliableQueue(client, "jobs:queue", block_s=0.01) for _ in range(2))
    client.lpush("jobs:queue", "an id")
    dead.take()
    assert other.reclaim() == 0
    client.zincrby(BRIDGES, HOUR_S, bridge_in(client))
    assert other.reclaim() == 0
    client.zincrby(BRIDGES, -31, bridge_in(client))
    assert other.reclaim() == 1


def bridge_in(client: redis.Redis) -> bytes:
    """The one bridge that has given a sign of life."""
    (member,) = client.zrange(BRIDGES, 0, -1)
    assert isinstance(member, bytes)
    return member


def test_rows_count_the_calls_of_a_minute_and_of_a_day_and_forget_old_ones(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    with closing(database):
        for owner in "abcd":
            database.run(partial(record_call, owner=owner))
        for owner, age_s in (("a", 30), ("b", 3_000), ("c", 3 * 24 * HOUR_S)):
            database.run(partial(make_older, owner=owner, age_s=age_s))
        begun = ProviderCalls(database).begun(60.0, 3_600.0)
        assert [round(age / 10) for age in begun.ages_s] == [0, 3]
        assert begun.today == 3
        assert begun.under_way == ()
        database.run(partial(record_call, owner="e"))
        assert database.run(owners) == ["a", "b", "d", "e"]


def make_older(connection: Connection, *, owner: str, age_s: int) -> None:
    connection.execute(
        text(
            "UPDATE quel.provider_call SET called_at = called_at - make_interval(secs => :age_s)"
            " WHERE owner = :owner"
        ),
        {"age_s": age_s, "owner": owner},
    )


def owners(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT owner FROM quel.provider_call ORDER BY owner")))
