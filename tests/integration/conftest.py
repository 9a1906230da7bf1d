"""The servers, the world around them and the pipelines that integration tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quel.sandbox.gemini.client import Gemini
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import Studio
from tests.integration.servers import choice, running_servers
from tests.integration.surroundings import Pipeline, World


def pytest_report_header() -> str:
    """Which servers the tests of this run use."""
    return f"servers: {choice()}"


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The servers and the simulators, for the whole session."""
    with running_servers() as servers, Storage() as storage, Gemini() as gemini:
        yield World(servers, storage, gemini)


@pytest.fixture
def database_url(world: World) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = world.fresh_database()
    yield url
    world.servers.drop_database(url)


@pytest.fixture
def pipeline(world: World, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline of the test's own, without any process yet."""
    pipeline = Pipeline(world, tmp_path)
    yield pipeline
    pipeline.close()


@pytest.fixture(scope="session")
def workers(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The pipeline that the tests of a session share, with one long-lived worker process."""
    pipeline = Pipeline(world, tmp_path_factory.mktemp("workers"))
    pipeline.workers()
    yield pipeline
    pipeline.close()


@pytest.fixture(scope="session")
def studio(workers: Pipeline) -> Studio:
    """The front end of the shared pipeline."""
    return workers.studio
