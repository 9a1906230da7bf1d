"""How a Redis server is set up, as far as losing work depends on it."""

from dataclasses import dataclass
from typing import Any

from quel.adapters.redis.client import connect, redis_errors


@dataclass(frozen=True)
class ServerState:
    """What the server tells of itself; None where a managed service keeps it to itself.

    `version` is the one of Redis it is compatible with, `run_id` tells servers apart, `appendonly` says
    whether the append-only file is on. `max_memory_bytes` is 0 where there is no limit.
    """

    product: str
    version: str
    run_id: str | None
    database: int
    used_memory_bytes: int | None
    max_memory_bytes: int | None
    eviction_policy: str | None
    appendonly: bool | None


def read_server_state(url: str) -> ServerState:
    """Asks the server, without patience. Raises ServiceUnavailable."""
    client = connect(url, socket_timeout_s=3, patient=False)
    with redis_errors():
        client.ping()
        info: dict[str, Any] = client.info()
        client.close()
    version = str(info.get("redis_version", "0"))
    is_valkey = "valkey_version" in info
    aof = info.get("aof_enabled")
    memory, max_memory = info.get("used_memory"), info.get("maxmemory")
    return ServerState(
        product=f"Valkey {info['valkey_version']}" if is_valkey else f"Redis {version}",
        version=version,
        run_id=info.get("run_id"),
        database=int(client.connection_pool.connection_kwargs.get("db") or 0),
        used_memory_bytes=None if memory is None else int(memory),
        max_memory_bytes=None if max_memory is None else int(max_memory),
        eviction_policy=info.get("maxmemory_policy"),
        appendonly=None if aof is None else bool(int(aof)),
    )
