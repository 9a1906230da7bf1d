"""What goes wrong during a soak, drawn from one seed: kills, frozen processes, deploys, restarts, a full
Redis, clocks that jump, Storage away, faults of every kind.
"""

import random
import time
from dataclasses import dataclass

from quel.sandbox import World, faults
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.gemini.client import Call
from quel.sandbox.storage import faults as storage_faults
from quel.sandbox.studio import Studio
from tests.chaos.soak.crowd import persist
from tests.chaos.soak.fleet import THREADS, Fleet

_ROOM_BYTES = 8_000_000
_HOUR_MS = 3_600_000
_SLOTS, _CALLS, _BREAKER = (f"quel:quota:{name}" for name in ("slots", "calls", "gate"))
_PASSING = 0.012  # of the calls; twenty kinds make about a fifth of them fail
_PERMANENT = 0.003

GEMINI_PASSING = (
    gemini_faults.server_error(500),
    gemini_faults.server_error(502),
    gemini_faults.server_error(503),
    gemini_faults.server_error(504),
    gemini_faults.quota_minute("1s"),
    gemini_faults.stopped_without_picture(),
    gemini_faults.text_only(),
    gemini_faults.invalid_json(),
    gemini_faults.garbage_picture(),
    gemini_faults.truncated_picture(),
    gemini_faults.finished_for("NO_IMAGE"),
    faults.cut_before_answer(),
    faults.cut_during_answer(),
    faults.hang(),
    faults.dribble(0.5),
    faults.endless(),
    faults.gateway_page(502),
)
GEMINI_PERMANENT = (
    gemini_faults.invalid_argument(),
    gemini_faults.permission_denied(),
    gemini_faults.unauthenticated(),
    gemini_faults.failed_precondition(),
    gemini_faults.blocked_prompt(),
    gemini_faults.finished_for("IMAGE_SAFETY"),
    gemini_faults.finished_for("PROHIBITED_CONTENT"),
)
STORAGE_PASSING = (
    storage_faults.locked(),
    storage_faults.slow_down(),
    storage_faults.internal_error(),
    storage_faults.overloaded(),
    storage_faults.database_timeout(),
    storage_faults.forbidden(),
    faults.cut_before_answer(),
    faults.cut_during_answer(),
    faults.gateway_page(502),
    faults.gateway_page(401),
)
STORAGE_PERMANENT = (storage_faults.too_large(), storage_faults.wrong_type())
READ_FAULTS = (storage_faults.not_found(), storage_faults.garbage(), faults.enormous(60_000_000))


@dataclass
class Trouble:
    """Strikes when told to. `in_flight` counts calls that may have died with their process."""

    world: World
    studio: Studio
    fleet: Fleet
    dice: random.Random
    redis_restarts: int = 0
    postgres_restarts: int = 0
    redis_flushes: int = 0
    redis_filled: int = 0
    clock_jumps: int = 0
    storage_outages: int = 0
    in_flight: int = 0
    answers_flushed: int = 0

    def begin(self) -> None:
        """Faults at Gemini and Storage, each kind with its own small probability."""
        gemini = self.world.gemini
        for seed, fault in enumerate(GEMINI_PASSING):
            gemini.fail_randomly(fault, _PASSING, seed=seed)
        for seed, fault in enumerate(GEMINI_PERMANENT):
            gemini.fail_randomly(fault, _PERMANENT, seed=seed)
        self._storage_faults()

    def _storage_faults(self) -> None:
        storage = self.world.storage
        for seed, fault in enumerate(STORAGE_PASSING):
            storage.fail_randomly(fault, _PASSING, seed=seed)
        for seed, fault in enumerate(STORAGE_PERMANENT):
            storage.fail_randomly(fault, _PERMANENT, seed=seed, operation="upload")
        for seed, fault in enumerate(READ_FAULTS):
            storage.fail_randomly(fault, _PASSING, seed=seed, operation="read")

    def kill(self) -> None:
        """One process, at any moment."""
        struck_at = time.time()
        if self.fleet.kill_one(self.dice):
            self._count_in_flight(struck_at, groups=1)

    def kill_all(self) -> None:
        """Every process at once."""
        struck_at = time.time()
        self._count_in_flight(struck_at, groups=self.fleet.kill_all())

    def restart_redis(self) -> None:
        self.world.servers.restart_redis(keep_data=True)
        self.redis_restarts += 1

    def restart_postgres(self) -> None:
        if self.dice.random() < 0.5:
            self.world.servers.kill_postgres()
            self.world.servers.start_postgres()
        else:
            self.world.servers.restart_postgres()
        self.postgres_restarts += 1

    def flush_redis(self) -> None:
        """All of Redis is gone: lists, messages, cancel keys, quota, and the answers that were kept."""
        kept = persist(lambda: len(self.studio.redis.keys("quel:blob:out:*")))
        struck_at = time.time()
        persist(self.studio.redis.flushall)
        self.redis_flushes += 1
        self.answers_flushed += kept + self._under_way(struck_at)

    def freeze(self) -> None:
        """One process stands still; what it holds must be let go of."""
        struck_at = time.time()
        if self.fleet.freeze_one(self.dice):
            self._count_in_flight(struck_at, groups=1)

    def storage_away(self) -> None:
        """It answers nothing else than that it cannot, until `storage_back`."""
        self.world.storage.clear_faults()
        self.world.storage.fail_when("", storage_faults.internal_error())
        self.storage_outages += 1

    def storage_back(self) -> None:
        self.world.storage.clear_faults()
        self._storage_faults()

    def fill_redis(self) -> None:
        """Hardly any room beside what it holds, until `make_room`."""
        used = int(persist(lambda: self.studio.redis.info("memory"))["used_memory"])
        self._bound_redis(used + _ROOM_BYTES)
        self.redis_filled += 1

    def make_room(self) -> None:
        self._bound_redis(0)

    def jump_ahead(self) -> None:
        """Redis' clock is an hour ahead: what it holds is an hour old."""
        self._jump(-_HOUR_MS)

    def jump_back(self) -> None:
        """What it holds is of an hour to come."""
        self._jump(_HOUR_MS)

    def end(self) -> None:
        """Everything is healthy again."""
        self.fleet.thaw()
        self.make_room()
        self.world.gemini.clear_faults()
        self.world.storage.clear_faults()
        self.fleet.replace_dead()

    def _bound_redis(self, limit_bytes: int) -> None:
        def bound() -> None:
            self.studio.redis.config_set("maxmemory-policy", "noeviction")
            self.studio.redis.config_set("maxmemory", limit_bytes)

        persist(bound)

    def _jump(self, milliseconds: int) -> None:
        def jump() -> None:
            client = self.studio.redis
            slots = [int(slot) + milliseconds for slot in client.lrange(_SLOTS, 0, -1)]
            if slots:
                client.delete(_SLOTS)
                client.rpush(_SLOTS, *slots)
            for owner, _ in client.zscan_iter(_CALLS):
                client.zincrby(_CALLS, milliseconds, owner)
            for name in ("at", "until"):
                if client.hexists(_BREAKER, name):
                    client.hincrby(_BREAKER, name, milliseconds)

        persist(jump)
        self.clock_jumps += 1

    def _count_in_flight(self, struck_at: float, groups: int) -> None:
        self.in_flight += min(self._under_way(struck_at), groups * THREADS)

    def _under_way(self, at: float) -> int:
        """Calls that had arrived by then and were not answered, or answered less than a moment before."""
        return sum(1 for call in self.world.gemini.calls() if _spans(call, at))


_HANDING_OVER_S = 1.0  # from the answer's last byte to the bytes kept in Redis, on a busy machine


def _spans(call: Call, at: float) -> bool:
    return (
        call.outcome == "made"
        and call.arrived_at <= at
        and (call.finished_at is None or call.finished_at > at - _HANDING_OVER_S)
    )
