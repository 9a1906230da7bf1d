"""A Redis server of a test's own, set up as managed services set theirs up."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quel.sandbox.servers.binaries import find_redis
from quel.sandbox.servers.ports import free_port
from quel.sandbox.servers.redis_process import RedisProcess
from quel.sandbox.servers.server_process import Seat

PASSWORD = "a-word-of-its-own"
ONE_DATABASE = ("databases 1",)
CLUSTER = ("cluster-enabled yes", "cluster-require-full-coverage no")


def seated_redis(directory: Path, *directives: str) -> RedisProcess:
    """A server that is not started yet; `directives` are lines of redis.conf."""
    if CLUSTER[0] in directives:  # by default the bus has the port 10,000 above, which may be taken
        directives = (*directives, f"cluster-port {free_port()}")
    seat = Seat(directory, free_port(), PASSWORD, account=None)
    return RedisProcess(seat, find_redis(), appendonly=False, directives=directives)


@contextmanager
def running_redis(*directives: str) -> Iterator[RedisProcess]:
    """A server that runs."""
    with tempfile.TemporaryDirectory() as directory:
        server = seated_redis(Path(directory), *directives)
        server.start()
        try:
            yield server
        finally:
            server.dispose()


def url_of(server: RedisProcess, database: int = 0) -> str:
    """The URL of one of its databases."""
    return f"redis://:{PASSWORD}@127.0.0.1:{server.seat.port}/{database}"
