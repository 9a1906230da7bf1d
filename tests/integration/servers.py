"""The PostgreSQL and Redis that integration tests run against, and who chose them.

In this order: what QUEL_TEST_DATABASE_URL and QUEL_TEST_REDIS_URL name; containers, where a Docker engine
answers that has the images or can pull them; the sandbox's own servers. There is always one of them, so no
test is ever skipped for want of a server. A database named for tests is only used to create others from; a
Redis named for tests is emptied. Tests that run side by side have servers of their own each, and share out
the databases of a Redis that was named.
"""

import itertools
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis

from quel.sandbox.servers import databases
from quel.sandbox.servers.client import Servers as SandboxServers
from tests.xdist_process import process_number, processes

DATABASE_VARIABLE, REDIS_VARIABLE = "QUEL_TEST_DATABASE_URL", "QUEL_TEST_REDIS_URL"
POSTGRES_IMAGE = os.environ.get("QUEL_TEST_POSTGRES_IMAGE") or "postgres:15-alpine"
REDIS_IMAGE = os.environ.get("QUEL_TEST_REDIS_IMAGE") or "redis:6.2-alpine"
ROOM_BYTES = 2 * 1024**3
DOCKER_ANSWERS_WITHIN_S, DOCKER_PULLS_WITHIN_S = 10, 180

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Servers:
    """A PostgreSQL server and a Redis server; `database_url` is where databases are created from.

    `free_redis_pairs` are the numbers n of the pairs of Redis databases n and n + 1 that nobody uses.
    """

    database_url: str
    redis_url: str
    free_redis_pairs: deque[int]

    def fresh_database(self, template: str | None = None) -> str:
        """The URL of a new database, empty or a copy of the database that the URL `template` names."""
        name = f"quel_test_{os.getpid()}_{next(_numbers)}"
        source = databases.database_name(template) if template else None
        return databases.create_database(self.database_url, name, source)

    def drop_database(self, url: str) -> None:
        """Removes a database that `fresh_database` made, whoever is still connected."""
        databases.drop_database(self.database_url, databases.database_name(url))

    @contextmanager
    def redis_pair(self) -> Iterator[tuple[str, str]]:
        """Two emptied Redis databases, for REDIS_URL and QUEL_BROKER_REDIS_URL, nobody else's meanwhile."""
        first = self.free_redis_pairs.popleft()
        urls = (self._redis_url_of(first), self._redis_url_of(first + 1))
        for url in urls:
            with redis.Redis.from_url(url) as client:
                client.flushdb()
        try:
            yield urls
        finally:
            self.free_redis_pairs.append(first)

    def _redis_url_of(self, number: int) -> str:
        return urlunsplit(urlsplit(self.redis_url)._replace(path=f"/{number}"))


def choice() -> str:
    """Which servers the tests use, for people to read."""
    return f"PostgreSQL {_source(DATABASE_VARIABLE)}, Redis {_source(REDIS_VARIABLE)}"


@contextmanager
def running_servers() -> Iterator[Servers]:
    """The chosen servers, started where that is for us to do, and gone afterwards."""
    with ExitStack() as stack:
        database_url = os.environ.get(DATABASE_VARIABLE, "")
        redis_url = os.environ.get(REDIS_VARIABLE, "")
        if docker_serves():
            database_url = database_url or stack.enter_context(_postgres_container())
            redis_url = redis_url or stack.enter_context(_redis_container())
        if not (database_url and redis_url):
            sandbox = stack.enter_context(SandboxServers(folder=_memory()))
            database_url = database_url or sandbox.database_url
            redis_url = redis_url or sandbox.redis_url
        yield Servers(database_url, redis_url, _redis_pairs(redis_url))


@cache
def docker_serves() -> bool:
    """Whether a Docker engine can be talked to from here, and has both images or can pull them."""
    return _docker("version", within_s=DOCKER_ANSWERS_WITHIN_S) and all(
        _docker("image", "inspect", image, within_s=DOCKER_ANSWERS_WITHIN_S)
        or _docker("pull", "--quiet", image, within_s=DOCKER_PULLS_WITHIN_S)
        for image in (POSTGRES_IMAGE, REDIS_IMAGE)
    )


def _docker(*command: str, within_s: float) -> bool:
    try:
        return subprocess.run(["docker", *command], capture_output=True, timeout=within_s).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _source(variable: str) -> str:
    if os.environ.get(variable):
        return f"named by {variable}"
    return "in a container" if docker_serves() else "of the sandbox"


def _memory() -> Path | None:
    """Linux' folder in memory, if it has room: a database is made there in 15 ms, on a disk in 40 to 200."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES else None


def _redis_pairs(url: str) -> deque[int]:
    with redis.Redis.from_url(url) as client:
        count = int(client.config_get("databases")["databases"])
    pairs = range(0, count - 1, 2)
    return deque(pairs[process_number() :: processes()] if os.environ.get(REDIS_VARIABLE) else pairs)


@contextmanager
def _postgres_container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextmanager
def _redis_container() -> Iterator[str]:
    from testcontainers.community.redis import RedisContainer

    with RedisContainer(REDIS_IMAGE) as container:
        address, port = container.get_container_host_ip(), container.get_exposed_port(container.port)
        yield f"redis://{address}:{port}/0"
