"""Who may use which ComfyUI server: one prompt of quel's at a time on each, over all processes and hosts.

A place is a key that lapses; so does what is known of a server that is silent, hung, or lacks what a workflow
needs. Nothing here compares clocks of two hosts.

quel:comfy:place:{server}    the owner of the slot whose prompt is there
quel:comfy:silent:{server}   hash: since (Redis' time in ms), tries
quel:comfy:down:{server}     it did not answer; not asked until it lapses
quel:comfy:resting:{server}  why: it answers, and is left alone until it lapses
quel:comfy:hung:{server}     why: it accepted, and did not get on
quel:comfy:unfit:{server}:{workflow}   what it lacks
quel:comfy:seen:{server}:{prompt}      since when it is known to hold others up there (Redis' time in ms)
quel:comfy:used              hash: server -> when a place of it was last taken
quel:comfy:file:{server}:{digest}      what a picture is called there
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from uuid import uuid4

import redis

from quel.adapters.comfy.client import UNTOLD, ComfyClient
from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.outage import Outage
from quel.core.operator_fault import OperatorFault
from quel.core.quota import CallResult, Later, Slot

LEASE_MS = 30_000
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 5_000, 60_000
_SILENT_MS = 3_600_000
HUNG_MS = 300_000
"""For how long a server that did not get on is left alone; then one image tries it again."""
_UNFIT_MS = 300_000
_FILE_MS = 1_800_000  # less than the hour for which the folder of inputs is kept (docs/operate/comfyui.md)
LOAD_KNOWN_S = 1.0
_PREFIX = "quel:comfy"

_RENEW = """
local owner = redis.call("GET", KEYS[1])
if owner == ARGV[1] then
    return redis.call("PEXPIRE", KEYS[1], ARGV[2])
elseif not owner then  -- Redis has lost it: it is taken again before somebody else does
    redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
    return 1
end
return 0
"""

_RELEASE = """
if redis.call("GET", KEYS[1]) == ARGV[1] then
    return redis.call("DEL", KEYS[1])
end
return 0
"""

_SILENT = """
local time = redis.call("TIME")
redis.call("HSETNX", KEYS[1], "since", time[1] * 1000 + math.floor(time[2] / 1000))
local tries = redis.call("HINCRBY", KEYS[1], "tries", 1)
redis.call("PEXPIRE", KEYS[1], ARGV[3])
redis.call("SET", KEYS[2], "1", "PX", math.min(ARGV[2], ARGV[1] * 2 ^ math.min(tries - 1, 10)))
return tries
"""


class ComfyServers:
    """What all processes know of the servers. Methods raise ServiceUnavailable."""

    def __init__(self, client: redis.Redis, clients: Mapping[str, ComfyClient]) -> None:
        self.clients = clients
        self._redis = client
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._silent = client.register_script(_SILENT)
        self._owned: dict[str, str] = {}
        self._loads: dict[str, tuple[float, int | None]] = {}

    def take(self, server: str, owner: str) -> bool:
        """Takes a server's place, if it is free."""
        with redis_errors():
            taken = self._redis.set(_key("place", server), owner, nx=True, px=LEASE_MS)
            if taken:
                self._redis.hset(f"{_PREFIX}:used", server, time.time())
        if taken:
            self._owned[owner] = server
        return bool(taken)

    def move(self, owner: str, server: str) -> bool:
        """Gives up the owner's place for one at `server`, if that is free."""
        before = self._owned.get(owner)
        if before == server:
            return True
        if not self.take(server, owner):
            return False
        if before is not None:
            with redis_errors():
                self._release(keys=[_key("place", before)], args=[owner])
        return True

    def release(self, owner: str) -> None:
        """Gives up the owner's place."""
        server = self._owned.pop(owner, None)
        if server is not None:
            with redis_errors():
                self._release(keys=[_key("place", server)], args=[owner])

    def keep(self, owner: str) -> None:
        """Prolongs the owner's place."""
        server = self._owned.get(owner)
        if server is not None:
            with redis_errors():
                self._renew(keys=[_key("place", server)], args=[owner, LEASE_MS])

    def silent(self, server: str) -> None:
        """A server did not answer: it is left alone for 5 s, and for longer each time."""
        with redis_errors():
            keys = [_key("silent", server), _key("down", server)]
            self._silent(keys=keys, args=[_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS, _SILENT_MS])

    def stays_s(self, server: str, prompt_id: str) -> float:
        """For how long a prompt has been known to hold others up at a server; 0 the first time."""
        key = _key("seen", f"{server}:{prompt_id}")
        with redis_errors():
            seconds, microseconds = self._redis.time()
            now_ms = seconds * 1000 + microseconds // 1000
            since = self._redis.set(key, now_ms, nx=True, get=True)
            self._redis.pexpire(key, _SILENT_MS)  # from the last look on: timeouts may be longer
        return max(0.0, (now_ms - int(since)) / 1000) if since else 0.0

    def rest(self, server: str, seconds: float, why: str) -> None:
        """A server that answers is left alone for so long."""
        with redis_errors():
            self._redis.set(_key("resting", server), why, px=max(1000, round(seconds * 1000)))

    def answered(self, server: str) -> None:
        """A server that was silent is back."""
        with redis_errors():
            self._redis.delete(_key("silent", server), _key("down", server))

    def silent_s(self, server: str) -> float:
        """For how long a server has been silent; 0 for one that is not."""
        with redis_errors():
            since = self._redis.hget(_key("silent", server), "since")
            seconds, microseconds = self._redis.time()
        return max(0.0, seconds + microseconds / 1e6 - float(since) / 1000) if since else 0.0

    def hung(self, server: str, why: str) -> None:
        """A server accepts and does not get on: it is taken out, and named."""
        with redis_errors():
            self._redis.set(_key("hung", server), why, px=HUNG_MS)

    def unfit(self, server: str, workflow: str, why: str) -> None:
        """A server lacks what a workflow needs."""
        with redis_errors():
            self._redis.set(_key("unfit", f"{server}:{workflow}"), why, px=_UNFIT_MS)

    def out(self, servers: Sequence[str], workflow: str) -> dict[str, tuple[str, float]]:
        """The servers that may not be used now: why, and for how many seconds."""
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for server in servers:
                for key in _out_keys(server, workflow):
                    pipeline.get(key)
                    pipeline.pttl(key)
            answers = iter(pipeline.execute())
        found: dict[str, tuple[str, float]] = {}
        for server in servers:
            for kind in ("down", "resting", "hung", "unfit"):
                value, left_ms = next(answers), next(answers)
                if value is not None:
                    words = {"down": "it does not answer"}.get(kind) or _text(value)
                    left_s = max(0.0, left_ms / 1000)
                    if server not in found or found[server][1] < left_s:
                        found[server] = f"{kind}: {words}", left_s
        return found

    def free(self, servers: Sequence[str]) -> list[str]:
        """Those whose place nobody has."""
        with redis_errors():
            owners = self._redis.mget([_key("place", server) for server in servers]) if servers else []
        return [server for server, owner in zip(servers, owners, strict=True) if owner is None]

    def by_load(self, servers: Sequence[str]) -> Iterator[str]:
        """Those that answer, the one with the fewest prompts first, then the one used the longest ago.

        One that refuses comes last.
        """
        loads = {server: self._load(server) for server in servers}
        with redis_errors():
            used = self._redis.hgetall(f"{_PREFIX}:used")
        answering = [
            (load == UNTOLD, load, float(used.get(name.encode(), 0)), name)
            for name, load in loads.items()
            if load is not None
        ]
        return (name for *_, name in sorted(answering))

    def refuses(self, server: str) -> bool:
        """Whether a server was seen to answer and not to tell its load: a prompt would be refused as well."""
        return self._loads.get(server, (0.0, None))[1] == UNTOLD

    def _load(self, server: str) -> int | None:
        known_at, load = self._loads.get(server, (0.0, None))
        if time.monotonic() - known_at > LOAD_KNOWN_S or load is None:
            load = self.clients[server].load()
            self._loads[server] = time.monotonic(), load
            if load is None:
                self.silent(server)
            elif self.silent_s(server) > 0:
                self.answered(server)
        return load

    def outage(self, workflow: str) -> Outage:
        """For how long a workflow has had no server."""
        return Outage(self._redis, f"comfyui:{workflow}")

    def file(self, server: str, digest: str) -> str | None:
        """What a picture that was uploaded is called there."""
        with redis_errors():
            name = self._redis.get(_key("file", f"{server}:{digest}"))
        return _text(name) if name else None

    def note_file(self, server: str, digest: str, name: str | None) -> None:
        """Notes what it is called; None: it is not there any more."""
        key = _key("file", f"{server}:{digest}")
        with redis_errors():
            if name is None:
                self._redis.delete(key)
            else:
                self._redis.set(key, name, px=_FILE_MS)


class ComfyPlaces:
    """The places of the servers that one workflow runs on, as a quota. Raises ServiceUnavailable."""

    def __init__(
        self,
        servers: ComfyServers,
        names: Sequence[str],
        workflow: str,
        *,
        outputs_full: Callable[[], bool],
    ) -> None:
        self._servers, self._names, self._workflow = servers, names, workflow
        self._outputs_full = outputs_full

    def outputs_full(self) -> bool:
        """Whether too many answers wait to be stored for another call to begin."""
        return self._outputs_full()

    def reserve(self) -> Slot | Later:
        """A place at the least busy server that is fit and well; foreign prompts count."""
        if self.outputs_full():
            return Later(0.5, "blobs")
        out = self._servers.out(self._names, self._workflow)
        well = [name for name in self._names if name not in out]
        free = self._servers.free(well)
        owner, is_busy = uuid4().hex, len(free) < len(well)
        for server in self._servers.by_load(free):
            is_busy = True
            if self._servers.refuses(server) and not all(map(self._servers.refuses, well)):
                continue  # another one takes it, now or when it is free
            if self._servers.take(server, owner):
                return Slot(owner, 0.0, "", attention=True, due_at_s=time.monotonic(), place=server)
        return Later(0.25, "concurrency") if is_busy else Later(self._back_in_s(), "servers")

    def begin(self, slot: Slot) -> Slot | None:
        """A place is as good when the call begins as it was before."""
        return slot

    def give_back(self, slot: Slot) -> None:
        """Gives up a place that no call was made with."""
        self._servers.release(slot.owner)

    def report(self, slot: Slot, result: CallResult | OperatorFault, *, pause_s: float = 0.0) -> float:
        """Gives up the place; a server that asked for a pause gets it."""
        if result in (CallResult.MINUTE, CallResult.DAY, CallResult.UNKNOWN):
            self._servers.rest(slot.place, pause_s or _FIRST_PAUSE_MS / 1000, "it asked for a pause")
        self._servers.release(slot.owner)
        return 0.0

    def blocked_for_s(self) -> float:
        """Until one of the servers may be used again; 0 where one may."""
        out = self._servers.out(self._names, self._workflow)
        return 0.0 if len(out) < len(self._names) else min(left_s for _, left_s in out.values())

    def keep(self, owners: list[str]) -> None:
        """Prolongs places."""
        for owner in owners:
            self._servers.keep(owner)

    def state(self) -> dict[str, str]:
        """Why each server that may not be used is out."""
        return {name: why for name, (why, _) in self._servers.out(self._names, self._workflow).items()}

    def out_for_s(self) -> float:
        """For how long none of the servers has been fit and well."""
        out = self._servers.out(self._names, self._workflow)
        well = [
            name
            for name in self._names
            if not out.get(name, ("",))[0].startswith(("hung", "unfit")) and not self._servers.silent_s(name)
        ]
        return self._servers.outage(self._workflow).seconds(is_out=not well)

    def _back_in_s(self) -> float:
        return min(max(self.blocked_for_s(), 1.0), 5.0)


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _key(kind: str, name: str) -> str:
    return f"{_PREFIX}:{kind}:{name}"


def _out_keys(server: str, workflow: str) -> tuple[str, ...]:
    kinds = ("down", "resting", "hung")
    return (*(_key(kind, server) for kind in kinds), _key("unfit", f"{server}:{workflow}"))
