"""Fixtures of the integration tests: real servers, simulated neighbours, quel's own processes.

`world`, `studio` and `workers` are shared by the tests of a session; `pipeline` is one test's own, for
processes with settings of their own or that are to be killed. Every test may run alone and in any order.
"""

import signal
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from quel.observe.events import Event, hearing
from quel.sandbox.gemini.client import Gemini
from quel.sandbox.processes import QuelProcess
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import Studio
from tests.integration.api_world import Api
from tests.integration.comfy_world import ComfyWorld, MakeComfy, comfy_world
from tests.integration.harness import Pipeline, World
from tests.integration.servers import Servers, choice, running_servers
from tests.preloaded import Preloaded


def pytest_configure() -> None:
    """SIGTERM ends a run the way Ctrl-C does, so that no process of quel's outlives it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"servers: {choice()}"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis (see tests/integration/servers.py)."""
    with running_servers() as running:
        yield running


@pytest.fixture(scope="session")
def world(servers: Servers) -> Iterator[World]:
    """Servers, Storage and Gemini, and a migrated database to copy."""
    with Storage() as storage, Gemini(sketches=True) as gemini, Preloaded() as preloaded:
        world = World(servers, storage, gemini, preloaded)
        yield world
        servers.drop_database(world.template_url)


@pytest.fixture(scope="module")
def whole_pictures(world: World) -> Iterator[None]:
    """The provider's pictures are as large as asked for, as the check of takes wants them."""
    world.gemini.configure(sketches=False)
    yield
    world.gemini.configure(sketches=True)


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database without any table."""
    url = servers.fresh_database()
    yield url
    servers.drop_database(url)


@pytest.fixture
def database_url(world: World) -> Iterator[str]:
    """A database of the test's own with the whole schema and no rows."""
    url = world.fresh_database()
    yield url
    world.servers.drop_database(url)


@pytest.fixture
def redis_urls(servers: Servers) -> Iterator[tuple[str, str]]:
    """Two emptied Redis databases of the test's own, for REDIS_URL and QUEL_BROKER_REDIS_URL."""
    with servers.redis_pair() as urls:
        yield urls


@pytest.fixture
def redis_url(redis_urls: tuple[str, str]) -> str:
    """An emptied Redis database of the test's own."""
    return redis_urls[0]


@pytest.fixture
def pipeline(world: World, tmp_path: Path) -> Iterator[Pipeline]:
    """Database, Redis and processes of the test's own; it starts the processes itself."""
    own = Pipeline(world, tmp_path)
    yield own
    own.close()


@pytest.fixture(scope="session")
def shared_pipeline(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """What `studio` and `workers` of a session stand on."""
    shared = Pipeline(world, tmp_path_factory.mktemp("shared"))
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def studio(shared_pipeline: Pipeline) -> Studio:
    """The front end of the shared workers."""
    return shared_pipeline.studio


@pytest.fixture
def workers(shared_pipeline: Pipeline) -> QuelProcess:
    """One `dramatiq quel.actors` with default settings, shared by the tests that come one after the other."""
    running = [process for process in shared_pipeline.processes if process.exit_code is None]
    return running[0] if running else shared_pipeline.workers()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Ends the shared workers when the next test needs none: idle, they take time from those that work."""
    fixtures = getattr(item, "funcargs", {})
    if "workers" in fixtures and "workers" not in getattr(nextitem, "fixturenames", ()):
        fixtures["shared_pipeline"].kill()


@pytest.fixture(autouse=True)
def _no_faults_are_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that share the simulators leave no faults to the next."""
    world = request.getfixturevalue("world") if "world" in request.fixturenames else None
    yield
    if world:
        world.gemini.clear_faults()
        world.storage.clear_faults()


@pytest.fixture
def api(pipeline, tmp_path):
    own = Api(pipeline, tmp_path)
    own.start()
    yield own
    own.process.kill()


@pytest.fixture
def comfy(tmp_path: Path, redis_url: str) -> Iterator[MakeComfy]:
    """Opens worlds whose images ComfyUI servers make, as many servers as asked for."""
    with ExitStack() as stack:

        def world(count: int = 1, **options: Any) -> ComfyWorld:
            return stack.enter_context(comfy_world(tmp_path, redis_url, count, **options))

        yield world


@pytest.fixture
def events() -> Iterator[list[MutableMapping[str, Any]]]:
    """What this process tells while the test runs."""
    heard: list[MutableMapping[str, Any]] = []

    def hear(event: Event, fields: Mapping[str, Any]) -> None:
        heard.append({"event": event.value, **fields})

    with hearing(hear):
        yield heard
