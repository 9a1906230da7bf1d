"""How a Redis server is set up, as far as losing work depends on it."""

from dataclasses import dataclass

from quel.adapters.redis.client import connect, redis_errors


@dataclass(frozen=True)
class ServerState:
    """`appendonly` says whether the append-only file is on."""

    version: str
    database: int
    used_memory_bytes: int
    eviction_policy: str
    appendonly: bool


def read_server_state(url: str) -> ServerState:
    """Asks the server, without patience. Raises NeighbourDown."""
    client = connect(url, socket_timeout_s=3, patient=False)
    with redis_errors():
        info = client.info()
        client.close()
    return ServerState(
        version=str(info.get("valkey_version") or info["redis_version"]),
        database=int(client.connection_pool.connection_kwargs.get("db") or 0),
        used_memory_bytes=int(info["used_memory"]),
        eviction_policy=str(info["maxmemory_policy"]),
        appendonly=bool(info["aof_enabled"]),
    )
