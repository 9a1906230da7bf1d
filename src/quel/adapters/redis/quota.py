"""The provider's quota over all processes and hosts: one Redis call reserves a call's own slot.

A minute is any 60 seconds. Slots that share a quota lie 60.9 s apart, so that a call which starts up to
0.9 s late cannot make the provider count one too many; 98.5 % of the quota stays usable.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import redis

from quel.adapters.redis.blobs import Pool, total_key
from quel.adapters.redis.client import redis_errors
from quel.core.operator_fault import OperatorFault, operator_fault
from quel.core.quota import Later, Slot, Verdict, day_ends

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
    "quel:quota:gate",
    total_key(Pool.OUTPUTS),
]
_ROOM = Path(__file__).parent


class GeminiQuota:
    """Reserves calls and hears how they went. Every method raises ServiceUnavailable."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        rpm: int | None,
        rpd: int | None,
        concurrency: int | None,
        call_timeout_s: float,
        blob_budget_bytes: int,
    ) -> None:
        self._client = client
        self._rpm, self._rpd, self._concurrency = rpm or 0, rpd or 0, concurrency or 0
        self._probe_ms = round(call_timeout_s * 1000)
        self._output_budget_bytes = blob_budget_bytes // 2
        self._reserve = client.register_script((_ROOM / "quota.lua").read_text(encoding="utf-8"))
        self._gate = client.register_script((_ROOM / "circuit_breaker.lua").read_text(encoding="utf-8"))

    def reserve(self) -> Slot | Later:
        """One slot at most a second away, or how long to stay away."""
        owner = uuid4().hex
        arguments: list[str | int] = [
            owner, self._rpm, WINDOW_MS, self._rpd, *_day_ends_ms(), self._concurrency,
            LEASE_MS, HORIZON_MS, self._output_budget_bytes, self._probe_ms,
        ]  # fmt: skip
        with redis_errors():
            granted, wait_ms, reason, at_ms, attention = self._reserve(keys=_KEYS, args=arguments)
        if not granted:
            return Later(wait_ms / 1000, reason.decode())
        wait_s = wait_ms / 1000
        return Slot(owner, wait_s, at_ms.decode(), bool(attention), time.monotonic() + wait_s)

    def begin(self, slot: Slot) -> Slot:
        """Called right before the call: a slot whose time has long passed is moved to now.

        The provider counts when a call arrives, so the next one in this slot's place must wait for that.
        """
        if time.monotonic() - slot.due_at_s < LATE_S:
            return slot
        return replace(slot, at_ms=str(self._tell(slot, "late")), due_at_s=time.monotonic())

    def give_back(self, slot: Slot) -> None:
        """Returns a slot that no call was made with."""
        self._tell(slot, "give_back")

    def report(self, slot: Slot, verdict: Verdict | OperatorFault, *, pause_s: float = 0.0) -> float:
        """Says how the call went; the seconds for which everyone stays away now.

        `pause_s` is the provider's own word on a minute's or day's quota, 0 where it gave none; for an
        operator's fault it is the time to the next probe.
        """
        if verdict is Verdict.ANSWERED and not slot.attention and not self._concurrency:
            return 0.0
        until_ms = self._tell(slot, verdict, pause_ms=round(pause_s * 1000))
        return max(0.0, until_ms / 1000 - time.time()) if until_ms else 0.0

    def keep(self, owners: list[str]) -> None:
        """Prolongs the leases of calls that are still under way."""
        if not self._concurrency or not owners:
            return
        with redis_errors():
            seconds, _ = self._client.time()
            until_ms = seconds * 1000 + LEASE_MS
            self._client.zadd(_KEYS[2], dict.fromkeys(owners, until_ms), xx=True)

    def state(self) -> dict[str, str]:
        """The gate as it stands, for people: until, reason, cap, … (empty when it is open)."""
        with redis_errors():
            gate = {_text(name): _text(value) for name, value in self._client.hgetall(_KEYS[3]).items()}
            full_until = _text(self._client.hget(_KEYS[1], "full_until") or "")
        if full_until and float(full_until) > float(gate.get("until", 0)):
            gate |= {"until": full_until, "reason": "day"}
        return gate

    def closed_for_s(self) -> float:
        """How long the provider, or the day's quota, keeps everyone away; 0 when it does not."""
        return gate_closed_s(self._client)

    def outputs_full(self) -> bool:
        """Whether answers that wait to be stored fill their half of the budget, so that no call begins."""
        with redis_errors():
            return int(self._client.get(total_key(Pool.OUTPUTS)) or 0) >= self._output_budget_bytes

    def _tell(self, slot: Slot, verdict: str, *, pause_ms: int = 0) -> int:
        arguments: list[str | int] = [slot.owner, verdict, slot.at_ms, pause_ms, *_day_ends_ms(), self._rpm]
        with redis_errors():
            return int(self._gate(keys=_KEYS, args=arguments))


def gate_closed_s(client: redis.Redis) -> float:
    """How long the provider, or the day's quota, keeps everyone away. Raises ServiceUnavailable."""
    with redis_errors():
        pipeline = client.pipeline(transaction=False)
        pipeline.hget(_KEYS[3], "until")
        pipeline.hget(_KEYS[1], "full_until")
        until_ms = max(float(answer or 0) for answer in pipeline.execute())
    return max(0.0, until_ms / 1000 - time.time())


def gate_fault(client: redis.Redis) -> OperatorFault | None:
    """What an operator has to mend before calls bring pictures again. Raises ServiceUnavailable."""
    with redis_errors():
        return operator_fault(_text(client.hget(_KEYS[3], "reason") or ""))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _day_ends_ms() -> tuple[int, int]:
    first, second = day_ends(datetime.now(UTC))
    return round(first.timestamp() * 1000), round(second.timestamp() * 1000)
