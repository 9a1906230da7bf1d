"""The servers every integration test runs against, and the world around them.

PostgreSQL and Redis are those that QUEL_TEST_DATABASE_URL and QUEL_TEST_REDIS_URL name; else containers
where a Docker engine answers; else the sandbox's own. Nothing is ever skipped.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from quel.sandbox.databases import create_database, drop_database
from quel.sandbox.gemini.client import Gemini
from quel.sandbox.processes import QuelProcess, migrate, workers
from quel.sandbox.servers import Servers
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import Studio
from quel.settings import VARIABLES

POSTGRES_IMAGE = os.environ.get("QUEL_TEST_POSTGRES_IMAGE", "postgres:17-alpine")
REDIS_IMAGE = os.environ.get("QUEL_TEST_REDIS_IMAGE", "redis:7-alpine")


@dataclass(frozen=True)
class Backends:
    """Where PostgreSQL and Redis are; `origin` says how they came to be."""

    origin: str
    database_url: str
    redis_url: Callable[[int], str]
    redis_databases: int


def _named() -> Backends | None:
    database_url, redis_url = (
        os.environ.get(name, "") for name in ("QUEL_TEST_DATABASE_URL", "QUEL_TEST_REDIS_URL")
    )
    if not (database_url and redis_url):
        return None
    server = redis_url.rsplit("/", 1)[0] if redis_url.count("/") > 2 else redis_url
    return Backends("the environment", database_url, lambda number: f"{server}/{number}", 16)


def _docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env(timeout=3).ping()
    except DockerException:
        return False
    return True


def _containers(stack: ExitStack) -> Backends:
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.community.redis import RedisContainer

    postgres = stack.enter_context(PostgresContainer(POSTGRES_IMAGE, driver=None))
    redis = stack.enter_context(RedisContainer(REDIS_IMAGE))
    address = f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}"
    return Backends("containers", postgres.get_connection_url(), lambda number: f"{address}/{number}", 16)


def _sandbox(stack: ExitStack) -> Backends:
    servers = Servers()
    stack.callback(servers.stop)
    servers.launch()
    servers.await_ready()
    return Backends("the sandbox", servers.database_url, servers.redis_url_of, 128)


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    with ExitStack() as stack:
        found = _named()
        if found is None:
            found = _containers(stack) if _docker_answers() else _sandbox(stack)
        yield found


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_caller() -> Iterator[None]:
    """Tests see only the settings they make themselves."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*VARIABLES, "QUEL_CONFIG"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def template(backends: Backends) -> Iterator[str]:
    """A migrated database that others are copied from; nobody stays connected to it."""
    name = f"quel_template_{uuid4().hex[:8]}"
    url = create_database(backends.database_url, name)
    migrate({"DATABASE_URL": url})
    yield name
    drop_database(backends.database_url, name)


_pairs = count(2)  # database 0 and 1 stay free for whoever named the server


@dataclass
class Place:
    """One database, one pair of Redis databases, a bucket and a provider of its own."""

    environment: dict[str, str]
    studio: Studio
    storage: Storage
    gemini: Gemini
    logs: Path
    started: list[QuelProcess]

    def start(self, *queues: str, processes: int = 1, threads: int = 8, **settings: str) -> QuelProcess:
        """`dramatiq quel.actors`, ready; ends with the test."""
        log = self.logs / f"workers-{len(self.started)}.log"
        command = workers(
            self.environment | settings, log, queues=queues, processes=processes, threads=threads
        )
        self.started.append(command.start())
        return command.await_ready(processes)

    def log_text(self) -> str:
        """What all processes have logged."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.logs.glob("*.log")))


def _place(backends: Backends, template: str, logs: Path, stack: ExitStack) -> Place:
    name = f"quel_test_{uuid4().hex[:12]}"
    database_url = create_database(backends.database_url, name, template)
    stack.callback(drop_database, backends.database_url, name)
    number = 2 + 2 * (next(_pairs) % (backends.redis_databases // 2 - 1))
    storage, gemini = Storage(in_process=True), Gemini(in_process=True)
    for part in (storage, gemini):
        stack.callback(part.stop)
        part.launch()
        part.await_ready()
    studio = Studio(database_url, backends.redis_url(number), storage)
    stack.callback(studio.redis.close)
    studio.redis.flushdb()
    broker = Studio(database_url, backends.redis_url(number + 1), storage)
    broker.redis.flushdb()
    broker.redis.close()
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": backends.redis_url(number),
        "QUEL_BROKER_REDIS_URL": backends.redis_url(number + 1),
        "SUPABASE_URL": storage.url,
        "SUPABASE_SERVICE_KEY": storage.service_key,
        "GEMINI_API_KEY": gemini.api_key,
        "GEMINI_BASE_URL": gemini.url,
    }
    place = Place(environment, studio, storage, gemini, logs, [])
    stack.callback(lambda: [process.kill() for process in place.started])
    return place


@pytest.fixture
def place(backends: Backends, template: str, tmp_path: Path) -> Iterator[Place]:
    """A place of the test's own, without any process yet."""
    with ExitStack() as stack:
        yield _place(backends, template, tmp_path, stack)


@pytest.fixture(scope="session")
def shared(backends: Backends, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with one long-lived worker process, for tests that need no settings of their own."""
    with ExitStack() as stack:
        place = _place(backends, template, tmp_path_factory.mktemp("shared"), stack)
        place.start(processes=1)
        yield place
