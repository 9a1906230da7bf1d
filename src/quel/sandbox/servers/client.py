"""A real PostgreSQL and a real Redis on loopback, gone without a trace when this process is gone.

    with Servers(appendonly=True) as servers:
        url = servers.fresh_database()
        servers.kill_redis()
        servers.start_redis()

Both servers keep their ports over every stop, kill and start, so clients find them again.
"""

import itertools
import os
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from quel.sandbox.errors import SandboxError
from quel.sandbox.servers import databases
from quel.sandbox.servers.parent_watch import Child
from quel.sandbox.servers.redis_process import DATABASES, send
from quel.sandbox.startable import Startable

FIRST_PAIR = 2  # databases 0 and 1 belong to `redis_url` and quel's default for the broker


class Servers(Startable):
    """PostgreSQL and Redis under one supervisor. `appendonly` turns on Redis's log of every write.

    What they write lies in a folder of their own in `folder`, or where temporary files lie.
    """

    def __init__(self, *, appendonly: bool = False, folder: Path | None = None) -> None:
        self._options = {"appendonly": appendonly, "folder": str(folder) if folder else None}
        self._child: Child | None = None
        self._where: dict[str, Any] = {}
        self._database_numbers = itertools.count(1)
        self._free_redis_pairs = deque(range(FIRST_PAIR, DATABASES, 2))

    def launch(self) -> None:
        """Begins to start; `await_ready` ends it. For those who start several things at once."""
        self._child = Child("quel.sandbox.servers.supervisor", self._options)

    def await_ready(self) -> None:
        """Returns once both servers answer. Raises SandboxError with the end of the log of one that fails."""
        self._where = self._running().hear()

    def start(self) -> Self:
        """Starts both servers in about half a second."""
        self.launch()
        try:
            self.await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends both servers and deletes what they wrote; harmless twice."""
        if self._child:
            self._child.stop()
            self._child = None
        if "directory" in self._where:
            shutil.rmtree(self._where["directory"], ignore_errors=True)  # left only by a killed supervisor

    @property
    def supervisor_pid(self) -> int:
        """The process that owns both servers."""
        return self._running().pid

    @property
    def postgres_pid(self) -> int | None:
        """PostgreSQL's first process, None while it is down."""
        return self._pid("postgres")

    @property
    def redis_pid(self) -> int | None:
        """Redis's process, None while it is down."""
        return self._pid("redis")

    @property
    def directory(self) -> str:
        """Where the servers keep data and logs while they live."""
        return str(self._where["directory"])

    @property
    def database_url(self) -> str:
        """The maintenance database, to which its superuser connects."""
        postgres = self._where["postgres"]
        return f"postgresql://postgres:{postgres['password']}@127.0.0.1:{postgres['port']}/postgres"

    @property
    def redis_url(self) -> str:
        """Redis database 0."""
        return self.redis_url_of(0)

    def redis_url_of(self, number: int) -> str:
        """Another of the 128 Redis databases."""
        redis = self._where["redis"]
        return f"redis://:{redis['password']}@127.0.0.1:{redis['port']}/{number}"

    def fresh_database(self, template: str | None = None) -> str:
        """The URL of a new database, empty or a copy of the database that the URL `template` names."""
        name = f"fresh_{os.getpid()}_{next(self._database_numbers)}"
        source = databases.database_name(template) if template else None
        return databases.create_database(self.database_url, name, source)

    def drop_database(self, url: str) -> None:
        """Removes a database that `fresh_database` made, whoever is still connected."""
        databases.drop_database(self.database_url, databases.database_name(url))

    @contextmanager
    def redis_pair(self) -> Iterator[tuple[str, str]]:
        """Two emptied Redis databases, for REDIS_URL and QUEL_BROKER_REDIS_URL, nobody else's meanwhile.

        Raises SandboxError where all 63 pairs are in use, and where Redis does not answer.
        """
        if not self._free_redis_pairs:
            raise SandboxError("All pairs of Redis databases are in use: more need servers of their own.")
        first = self._free_redis_pairs.popleft()
        try:
            self._empty(first, first + 1)
            yield self.redis_url_of(first), self.redis_url_of(first + 1)
        finally:
            self._free_redis_pairs.append(first)

    def _empty(self, *numbers: int) -> None:
        redis = self._where["redis"]
        commands = [command for number in numbers for command in (f"SELECT {number}", "FLUSHDB")]
        answer = send(redis["port"], redis["password"], *commands)
        if answer.split() != ["+OK"] * (1 + len(commands)):  # AUTH before them
            raise SandboxError("Redis did not empty a pair of databases. Is it running?")

    def start_postgres(self) -> None:
        """Starts a PostgreSQL that was stopped or killed."""
        self._order("postgres", "start")

    def stop_postgres(self) -> None:
        """A fast shutdown: sessions are ended at once, nothing is lost."""
        self._order("postgres", "stop")

    def kill_postgres(self) -> None:
        """SIGKILL; what was committed is there after the next start."""
        self._order("postgres", "kill")

    def restart_postgres(self, *, keep_data: bool = True) -> None:
        """Stops and starts it; without its data it comes back as a new cluster with no databases."""
        self._restart("postgres", keep_data)

    def start_redis(self) -> None:
        """Starts a Redis that was stopped or killed."""
        self._order("redis", "start")

    def stop_redis(self) -> None:
        """An orderly shutdown that keeps the data."""
        self._order("redis", "stop")

    def kill_redis(self) -> None:
        """SIGKILL; the data is there after the next start only with `appendonly`."""
        self._order("redis", "kill")

    def restart_redis(self, *, keep_data: bool = True) -> None:
        """Stops and starts it, with its data or empty."""
        self._restart("redis", keep_data)

    def _restart(self, server: str, keep_data: bool) -> None:
        for order in ("stop", "start") if keep_data else ("stop", "lose_data", "start"):
            self._order(server, order)

    def _order(self, server: str, order: str) -> None:
        self._where[server]["pid"] = self._running().ask(do=order, server=server)["pid"]

    def _pid(self, server: str) -> int | None:
        pid: int | None = self._where[server]["pid"]
        return pid

    def _running(self) -> Child:
        if self._child is None:
            raise SandboxError("The servers are not running; use `with Servers() as servers`.")
        return self._child
