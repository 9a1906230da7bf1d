"""Takes job ids off a raw list so that none is lost at any moment.

An id moves atomically from the list to this bridge's own list, is handed on, and only then removed. What a
dead bridge had in flight goes back to the head of its list.

quel:ingest:moving:{list}:{bridge}   list, in flight: what a bridge has taken and not handed on yet
quel:ingest:bridges                  zset: "{list}:{bridge}" -> its last sign of life, in Redis' seconds
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.job_id import read_job_id

_BRIDGES = "quel:ingest:bridges"
_DEAD_AFTER_S = 30
_SLACK_S = 1
_LOOK_EVERY_S = 15
_TTL_S = 30 * 24 * 3600
_MOST_AT_ONCE, _A_FEW = 400, 25
_MOST_BYTES_AT_ONCE = 1_000_000


class ReliableQueue:
    """One raw list as one bridge reads it. Not shared by threads. Every method raises ServiceUnavailable."""

    def __init__(self, client: redis.Redis, source: str, *, block_s: float) -> None:
        self._client = client
        self.source = source
        self._block_s = block_s
        self._bridge = uuid4().hex
        self._in_flight = _in_flight(source, self._bridge)
        self._look_at = 0.0

    def take(self, *, block_s: float | None = None) -> bytes | None:
        """The oldest entry of the list, kept on the bridge's own list; None when none came in time.

        Waits for `block_s`, or as long as the bridge may.
        """
        self._sign_of_life()
        with redis_errors():
            left_over = self._left_over()
            if left_over is not None:
                return left_over
            wait_s = block_s or self._block_s
            taken = self._client.blmove(self.source, self._in_flight, wait_s, "RIGHT", "LEFT")  # type: ignore[arg-type]  # fractions of a second are fine since Redis 6
            return _bytes(taken)

    def take_more(self) -> list[bytes]:
        """What else is on the list, kept as well: some hundred ids, or fewer entries of some size."""
        entries: list[bytes] = []
        with redis_errors():
            while len(entries) < _MOST_AT_ONCE and sum(map(len, entries)) < _MOST_BYTES_AT_ONCE:
                number = min(_A_FEW, int(self._client.llen(self.source)))
                pipeline = self._client.pipeline(transaction=False)
                for _ in range(number):
                    pipeline.lmove(self.source, self._in_flight, "RIGHT", "LEFT")
                entries += filter(None, map(_bytes, pipeline.execute()))
                if number < _A_FEW:
                    break
        return entries

    def done(self, *entries: bytes) -> None:
        """Removes entries that have been handed on or rejected."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for entry in entries:
                pipeline.lrem(self._in_flight, 1, entry)  # type: ignore[arg-type]  # bytes are fine
            pipeline.execute()

    def _left_over(self) -> bytes | None:
        """An entry that was moved while the reply got lost; looked for now and then."""
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        return _bytes(self._client.lindex(self._in_flight, -1))

    def look_again(self) -> None:
        """Makes the next `take` look for an entry that was moved and not handed on."""
        self._look_at = 0.0

    def reclaim(self) -> int:
        """Returns to the list what its dead bridges had in flight; how many entries."""
        with redis_errors():
            reclaimed = sum(self._return_to_list(bridge) for bridge in self._dead_bridges())
            return reclaimed + self._return_to_list(self._bridge)

    def _sign_of_life(self) -> None:
        with redis_errors():
            self._client.zadd(_BRIDGES, {f"{self.source}:{self._bridge}": _now_s(self._client)})
            self._client.expire(_BRIDGES, _TTL_S)

    def _dead_bridges(self) -> Iterator[str]:
        now_s = _now_s(self._client)
        for member in self._client.zrangebyscore(_BRIDGES, f"({now_s + _SLACK_S}", "+inf"):
            self._client.zadd(_BRIDGES, {_text(member): now_s}, xx=True)  # Redis' clock has jumped back
        for member in self._client.zrangebyscore(_BRIDGES, "-inf", now_s - _DEAD_AFTER_S):
            source, _, bridge = _text(member).rpartition(":")
            if source == self.source and bridge != self._bridge:
                yield bridge

    def _return_to_list(self, bridge: str) -> int:
        moved = 0
        while self._client.lmove(_in_flight(self.source, bridge), self.source, "LEFT", "RIGHT") is not None:
            moved += 1
        if bridge != self._bridge:
            self._client.zrem(_BRIDGES, f"{self.source}:{bridge}")
        return moved


def push(client: redis.Redis, queue: str, job_id: UUID) -> int:
    """Pushes an id the way the front end does; how long the list is then. Raises ServiceUnavailable."""
    with redis_errors():
        return int(client.lpush(queue, str(job_id)))


def waiting_ids(client: redis.Redis, sources: tuple[str, ...], *, most: int) -> set[UUID] | None:
    """The job ids on the raw lists and in transit, or None when there are more than `most` entries."""
    with redis_errors():
        lists = [*sources]
        for member in client.zrange(_BRIDGES, 0, -1):
            source, _, bridge = _text(member).rpartition(":")
            lists.append(_in_flight(source, bridge))
    return ids_on(client, lists, most=most)


def ids_on(client: redis.Redis, lists: Iterable[str], *, most: int) -> set[UUID] | None:
    """The job ids on some lists, None when there are more than `most` entries. Raises ServiceUnavailable."""
    entries: list[bytes] = []
    with redis_errors():
        for name in lists:
            if client.type(name) != b"list":
                continue
            entries += [entry for entry in client.lrange(name, 0, most) if isinstance(entry, bytes)]
            if len(entries) > most:
                return None
    return {job_id for entry in entries if (job_id := read_job_id(entry))}


def signs_of_life(client: redis.Redis) -> dict[str, float]:
    """When a bridge of each raw list last gave a sign of life, in this host's unix seconds.

    Raises ServiceUnavailable.
    """
    with redis_errors():
        members: list[Any] = client.zrange(_BRIDGES, 0, -1, withscores=True)
        ahead_s = time.time() - _now_s(client)
    # In order of their last sign: of several bridges of a list the latest comes last.
    return {_text(member).rpartition(":")[0]: float(seen_at) + ahead_s for member, seen_at in members}


def _now_s(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1_000_000)


def _in_flight(source: str, bridge: str) -> str:
    return f"quel:ingest:moving:{source}:{bridge}"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
