"""Everything around the pipeline in a test, and a pipeline of its own with as many processes as it needs."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2.errors
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from quel.adapters.redis.client import connect
from quel.sandbox.gemini.client import Call, Gemini
from quel.sandbox.processes import QuelProcess, scheduler, workers
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import PHOTOGRAPHS, Studio
from tests.integration.alembic_run import alembic_run
from tests.integration.servers import Servers
from tests.preloaded import Preloaded, PreloadedProcess

_OURS = ("QUEL_", "OTEL_", "GEMINI_", "GOOGLE_", "SUPABASE_", "REDIS_", "DATABASE_URL", "IMAGE_PER_PRICE")

PATIENCE_S = 120.0
"""How long anything is waited for: far longer than it takes, also on a busy machine."""

_SWEEP = "sweep_stuck_jobs"
_CLOCKS = {
    "quel_production_jobs": ("created_at", "updated_at", "started_at", "completed_at"),
    "quel.job": ("created_at", "updated_at", "not_before", "prepared_until"),
    "quel.image": ("created_at", "updated_at", "not_before", "lease_until"),
    "quel.webhook": ("created_at", "not_before", "tried_at", "ended_at"),
}


class World:
    """The servers and the two simulators that all tests of a session share."""

    def __init__(
        self, servers: Servers, storage: Storage, gemini: Gemini, preloaded: Preloaded | None = None
    ) -> None:
        self.servers = servers
        self.preloaded = preloaded
        self.storage = storage
        self.gemini = gemini
        self.template_url = servers.fresh_database()
        alembic_run(self.template_url, "upgrade", "head")

    def fresh_database(self) -> str:
        """The URL of a new database with the whole schema and no rows."""
        return self.servers.fresh_database(self.template_url)

    def environment(self, database_url: str, redis_url: str, broker_redis_url: str) -> dict[str, str]:
        """The settings of a process here; what this shell happens to export counts for nothing."""
        unset = {name: "" for name in os.environ if name.startswith(_OURS)}
        return unset | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "QUEL_BROKER_REDIS_URL": broker_redis_url,
            "SUPABASE_URL": self.storage.url,
            "SUPABASE_SERVICE_KEY": self.storage.service_key,
            "GEMINI_API_KEY": self.gemini.api_key,
            "GEMINI_BASE_URL": self.gemini.url,
            "QUEL_LOG_FORMAT": "json",
            "QUEL_TAKE_CHECK": "off",  # sketches are too small to pass; test_pipeline_takes has it on
        }

    def photograph(self, name: str) -> bytes:
        """A photograph that ships with the sandbox."""
        return (PHOTOGRAPHS / name).read_bytes()

    def calls(self, token: str) -> list[Call]:
        """The provider calls whose prompt contains `token`, in order of arrival."""
        return self.gemini.calls(containing=token)


def _trusts_others(settings: Mapping[str, Any]) -> bool:
    return any(name.startswith("SSL_CERT_") for name in settings)


class Pipeline:
    """A database and Redis databases of its own, their studio, and processes started as a test asks."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.database_url = world.fresh_database()
        self._stack = ExitStack()
        self._stack.callback(world.servers.drop_database, self.database_url)
        self.redis_url, self.broker_redis_url = self._stack.enter_context(world.servers.redis_pair())
        self.studio = Studio(self.database_url, self.redis_url, world.storage)
        self._directory = directory
        self._logs = count()
        self.processes: list[QuelProcess] = []

    def environment(self, **settings: Any) -> dict[str, str]:
        """The environment of this pipeline's processes; `settings` are variables to set beside it."""
        plain = self.world.environment(self.database_url, self.redis_url, self.broker_redis_url)
        return plain | {name: str(value) for name, value in settings.items()}

    def workers(
        self,
        *queues: str,
        processes: int = 1,
        threads: int = 8,
        ready: bool = True,
        as_deployed: bool = False,
        **settings: Any,
    ) -> QuelProcess:
        """Starts `dramatiq quel.actors`, of all groups or of `queues`, and waits until it is ready.

        It is forked from a process that has imported what it needs, unless it is to start `as_deployed`.
        """
        wanted = workers(
            self.environment(**settings),
            self._log("workers"),
            queues=queues,
            processes=processes,
            threads=threads,
        )
        started = self._start(wanted, anew=as_deployed or _trusts_others(settings))
        return started.await_ready(processes) if ready else started

    def die_at(self, moment: str, **settings: Any) -> None:
        """Works in one thread up to that moment (quel.sandbox.crash_points), where the process is killed."""
        environment = self.environment(QUEL_SANDBOX_DIE_AT=moment, **settings)
        wanted = workers(environment, self._log("mortal"), threads=1, module="quel.sandbox.crash_points")
        assert self._start(wanted, anew=False).wait(PATIENCE_S) == -signal.SIGKILL

    def scheduler(self, **settings: Any) -> QuelProcess:
        """Starts `periodiq quel.actors`."""
        wanted = scheduler(self.environment(**settings), self._log("scheduler"))
        return self._start(wanted, anew=_trusts_others(settings))

    def serve(self, **settings: Any) -> QuelProcess:
        """Starts `quel serve`, which answers a little later."""
        wanted = QuelProcess(["quel", "serve"], self.environment(**settings), self._log("serve"))
        return self._start(wanted, anew=_trusts_others(settings))

    def _start(self, wanted: QuelProcess, *, anew: bool) -> QuelProcess:
        parent = self.world.preloaded
        process = wanted if anew or parent is None else PreloadedProcess(parent, wanted)
        self.processes.append(process.start())
        return process

    def let_pass(self, seconds: float) -> None:
        """Makes everything in the database that much older, as if that time had passed in silence.

        Fewer than none make it younger.
        """
        for table, columns in _CLOCKS.items():
            ageing = ", ".join(f"{column} = {column} - make_interval(secs => %s)" for column in columns)
            statement = (
                f"ALTER TABLE {table} DISABLE TRIGGER USER; UPDATE {table} SET {ageing};"
                f" ALTER TABLE {table} ENABLE TRIGGER USER"
            )
            run = partial(self._runs, statement, [seconds] * len(columns))
            until(run, f"{table} is older")

    def _runs(self, statement: str, values: list[float]) -> bool:
        """Whether it ran: a lock on whole tables may meet a worker's transaction, and then it is PostgreSQL's
        choice which of the two goes first.
        """
        try:
            self.studio.rows(statement, *values)
        except psycopg2.errors.DeadlockDetected:
            return False
        return True

    def sweep_until(self, condition: Callable[[], Any]) -> Any:
        """Sweeps, as each minute does but far more often, until the condition says something true."""

        def swept() -> Any:
            self.sweep()
            return condition()

        return until(swept, "what the sweep should bring about")

    def sweep(self, times: int = 1) -> None:
        """Sends sweep_stuck_jobs, and returns when the workers have done with it."""
        for _ in range(times):
            self.send(_SWEEP)

    def send(self, actor: str, *ids: Any) -> None:
        """Sends a message, and returns when the workers have done with every one of its queue."""
        with broker_of(self.broker_redis_url) as broker:
            broker.enqueue(Message(actor, actor, ids, {}, {}))
            until(lambda: not broker.client.hlen(f"dramatiq:{actor}.msgs"), f"{actor} is done")

    def kill(self) -> None:
        """SIGKILL to every process of this pipeline."""
        for process in self.processes:
            process.kill()
        self.processes.clear()

    @contextmanager
    def studio_of_a_copy(self) -> Iterator[Studio]:
        """A studio on a copy of the database, to break. The processes must have ended."""
        self.studio.hang_up()
        url = self.world.servers.fresh_database(self.database_url)
        try:
            yield Studio(url, self.redis_url, self.world.storage)
        finally:
            self.world.servers.drop_database(url)

    def close(self) -> None:
        """Ends the processes and drops the database."""
        self.kill()
        self.studio.redis.close()
        self._stack.close()

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}-{next(self._logs)}.log"


@contextmanager
def broker_of(url: str) -> Iterator[RedisBroker]:
    """A broker to send with; one that is given a URL would leave its connections open."""
    with connect(url) as client:
        yield RedisBroker(client=client, middleware=[])


def until(condition: Callable[[], Any], what: str, *, timeout_s: float = PATIENCE_S) -> Any:
    """Polls until `condition` says something true, and returns that. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {timeout_s:.0f} s: {what}")
        time.sleep(0.05)
    return answer
