"""The provider's quota over all processes and hosts: one Redis call reserves a call's own slot.

A minute is any 60 seconds. Slots that share a quota lie 60.9 s apart, so that a call which starts up to
0.9 s late cannot make the provider count one too many; 98.5 % of the quota stays usable.

What Redis has lost, or counted by another clock, is counted anew from the rows before another call begins;
a slot from before that is void. No clock but Redis' own is compared with what Redis holds.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import redis

from quel.adapters.redis.blobs import Pool, total_key
from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.outage import Outage
from quel.adapters.redis.room import FREE_ROOM, Room
from quel.core.operator_fault import OperatorFault, operator_fault
from quel.core.quota import CallResult, CallsBegun, Later, QuotaUse, Slot, ends_of_days
from quel.core.redis_room import FOR_CALLS

WINDOW_MS = 60_900
HORIZON_MS = 1_000
"""The farthest slot a thread waits for; a later one is not reserved."""
LATE_S = 0.4
"""A call that begins later than this after its slot takes the slot along; the margin above is for the way."""
LEASE_MS = 30_000
_KEYS = [
    "quel:quota:slots",
    "quel:quota:day",
    "quel:quota:calls",
    "quel:quota:gate",  # the circuit breaker: processes of the previous release share it by this name
    "quel:quota:known",
    total_key(Pool.OUTPUTS),
]
_KNOWN = _KEYS[4]
_CLOCK = "quota_clock.lua"
_RECOUNTS = 3  # the counts may be lost again while they are made


def _script(*names: str) -> str:
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


class GeminiQuota:
    """Reserves calls and hears how they went. Every method raises ServiceUnavailable.

    `calls_begun(window_s, day_s)` counts from the rows and may raise what the database does.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        rpm: int | None,
        rpd: int | None,
        concurrency: int | None,
        call_timeout_s: float,
        blob_budget_bytes: int,
        calls_begun: Callable[[float, float], CallsBegun],
    ) -> None:
        self._client = client
        self._rpm, self._rpd, self._concurrency = rpm or 0, rpd or 0, concurrency or 0
        self._probe_ms = round(call_timeout_s * 1000)
        self._output_budget_bytes = blob_budget_bytes // 2
        self._calls_begun = calls_begun
        self._room = Room(client)
        self._outage = Outage(client, "gemini")
        self._reserve = client.register_script(FREE_ROOM + _script(_CLOCK, "quota.lua"))
        self._breaker = client.register_script(_script(_CLOCK, "circuit_breaker.lua"))
        self._recount = client.register_script(_script(_CLOCK, "quota_recount.lua"))
        self._keep = client.register_script(_script(_CLOCK, "quota_keep.lua"))

    def reserve(self) -> Slot | Later:
        """One slot at most a second away, or how long to stay away."""
        owner = uuid4().hex
        arguments = [*self._head(owner), self._output_budget_bytes, self._probe_ms, FOR_CALLS]
        for _ in range(_RECOUNTS):
            with redis_errors():
                granted, wait_ms, reason, at_ms, attention, known = self._reserve(keys=_KEYS, args=arguments)
            if reason != b"lost":
                break
            self._count_anew(float(at_ms))
        if not granted:
            return Later(wait_ms / 1000, reason.decode())
        wait_s = wait_ms / 1000
        due_at_s = time.monotonic() + wait_s
        return Slot(owner, wait_s, at_ms.decode(), bool(attention), due_at_s, known.decode())

    def _count_anew(self, now_ms: float) -> None:
        begun_at_ms = max(end for end in _ends_of_days_ms() if end <= now_ms)
        begun = self._calls_begun(WINDOW_MS / 1000, (now_ms - begun_at_ms) / 1000)
        ages_ms = [round(age_s * 1000) for age_s in begun.ages_s]
        counts: list[str | int] = [begun.today, json.dumps(ages_ms), json.dumps(begun.under_way)]
        with redis_errors():
            self._recount(keys=_KEYS, args=[*self._head(""), uuid4().hex, *counts])

    def begin(self, slot: Slot) -> Slot | None:
        """Called right before the call: a slot whose time has long passed is moved to now.

        The provider counts when a call arrives, so the next one in this slot's place must wait for that. None
        where the counts were lost since it was reserved: no call may be made with it.
        """
        if slot.known:
            with redis_errors():
                known = self._client.get(_KNOWN)
            if known != slot.known.encode():
                return None
        if time.monotonic() - slot.due_at_s < LATE_S:
            return slot
        return replace(slot, at_ms=str(self._tell(slot, "late")), due_at_s=time.monotonic())

    def give_back(self, slot: Slot) -> None:
        """Returns a slot that no call was made with."""
        self._tell(slot, "give_back")

    def report(self, slot: Slot, result: CallResult | OperatorFault, *, pause_s: float = 0.0) -> float:
        """Says how the call went; the seconds for which everyone stays away now.

        `pause_s` is the provider's own word on a minute's or day's quota, 0 where it gave none; for an
        operator's fault it is the time to the next probe.
        """
        if result is CallResult.ANSWERED and not slot.attention and not self._concurrency:
            return 0.0
        return self._tell(slot, result, pause_ms=round(pause_s * 1000)) / 1000

    def keep(self, owners: list[str]) -> None:
        """Prolongs the leases of calls that are still under way."""
        if not self._concurrency or not owners:
            return
        with redis_errors():
            self._keep(keys=_KEYS, args=[*self._head(""), *owners])

    def state(self) -> dict[str, str]:
        """The circuit breaker as it stands, for people: until, reason, cap, …; empty when calls may go."""
        with redis_errors():
            breaker = {_text(name): _text(value) for name, value in self._client.hgetall(_KEYS[3]).items()}
            full_until = _text(self._client.hget(_KEYS[1], "full_until") or "")
        if full_until and float(full_until) > float(breaker.get("until", 0)):
            breaker |= {"until": full_until, "reason": "day"}
        return breaker

    def blocked_for_s(self) -> float:
        """How long the provider, or the day's quota, keeps everyone away; 0 when it does not."""
        return blocked_for_s(self._client)

    def out_for_s(self) -> float:
        """For how long a day's quota has been used up, or an operator has had to mend something."""
        reason = self.state().get("reason", "")
        is_out = self.blocked_for_s() > 0 and (reason == "day" or operator_fault(reason) is not None)
        return self._outage.seconds(is_out=is_out)

    def outputs_full(self) -> bool:
        """Whether answers fill their half of the budget, or something the server: then no call begins."""
        with redis_errors():
            kept_bytes = int(self._client.get(total_key(Pool.OUTPUTS)) or 0)
        return kept_bytes >= self._output_budget_bytes or not self._room.has(leaving=FOR_CALLS)

    def _head(self, owner: str) -> list[str | int | float]:
        """The arguments that all of the quota's scripts begin with."""
        ends = ",".join(str(end) for end in _ends_of_days_ms())
        limits = (self._rpm, self._rpd, self._concurrency)
        return [owner, *limits, WINDOW_MS, HORIZON_MS, LEASE_MS, ends]

    def _tell(self, slot: Slot, word: str, *, pause_ms: int = 0) -> int:
        with redis_errors():
            return int(self._breaker(keys=_KEYS, args=[*self._head(slot.owner), word, slot.at_ms, pause_ms]))


def blocked_for_s(client: redis.Redis) -> float:
    """How long the provider, or the day's quota, keeps everyone away. Raises ServiceUnavailable."""
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        pipeline.time()
        pipeline.hmget(_KEYS[3], "until", "at")
        pipeline.hget(_KEYS[1], "full_until")
        (seconds, microseconds), (until, at), full_until = pipeline.execute()
    now_ms = seconds * 1000 + microseconds / 1000
    breaker_ms = float(until or 0) - max(now_ms, float(at or 0))  # as in quota_clock.lua
    return float(max(0.0, breaker_ms, float(full_until or 0) - now_ms) / 1000)


def quota_use(client: redis.Redis) -> QuotaUse:
    """How much of the quota is used, for people: read without a reservation. Raises ServiceUnavailable."""
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        pipeline.time()
        pipeline.lrange(_KEYS[0], 0, -1)
        pipeline.hmget(_KEYS[1], "end", "used")
        pipeline.zrange(_KEYS[2], 0, -1, withscores=True)
        (seconds, microseconds), slots, (day_end, used), calls = pipeline.execute()
    now_ms = seconds * 1000 + microseconds / 1000
    today = int(used or 0) if float(day_end or 0) > now_ms else None
    recent = sum(now_ms - 60_000 < float(slot) <= now_ms for slot in slots)
    return QuotaUse(recent, today, sum(until_ms > now_ms for _, until_ms in calls))


def breaker_fault(client: redis.Redis) -> OperatorFault | None:
    """What an operator has to mend before calls bring pictures again. Raises ServiceUnavailable."""
    with redis_errors():
        return operator_fault(_text(client.hget(_KEYS[3], "reason") or ""))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _ends_of_days_ms() -> list[int]:
    return [round(end.timestamp() * 1000) for end in ends_of_days(datetime.now(UTC))]
