"""The world in memory tells what PostgreSQL and Redis tell: the same scenarios on both leave the same rows.

A scenario plays one message at a time; ids are its own, so that turns and seeds are the same.
"""

from collections.abc import Iterator

import pytest

from tests.integration.harness import Pipeline
from tests.integration.harness import World as Servers
from tests.integration.scenarios import calls, credits, ends, losses, turns
from tests.integration.scenarios.registry import SCENARIOS, Scenario
from tests.integration.two_worlds import InMemory, OnServers

WINGS = (calls, credits, ends, losses, turns)
"""Importing them fills SCENARIOS."""


@pytest.fixture(scope="module")
def one_pipeline(world: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A database and a Redis for all scenarios: each empties them first."""
    one = Pipeline(world, tmp_path_factory.mktemp("contract"))
    yield one
    one.close()


@pytest.mark.parametrize("play", SCENARIOS, ids=lambda play: play.__name__)
def test_both_worlds_tell_the_same(play: Scenario, one_pipeline: Pipeline) -> None:
    memory, servers = InMemory(), OnServers(one_pipeline)
    try:
        play(memory)
        play(servers)
        assert memory.told() == servers.told()
        assert len(memory.engine.requests) == len(servers.engine.requests)
    finally:
        servers.close()
