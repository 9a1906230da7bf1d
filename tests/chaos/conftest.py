"""The deaths that were asked for, many at a time: each waits mostly for leases and heartbeats."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from quel.sandbox import World
from quel.sandbox.processes import migrate
from tests.chaos.case import Case
from tests.chaos.death_points import DeathPoint
from tests.chaos.scenarios import SCENARIOS
from tests.preloaded import Preloaded

AT_ONCE = 14
Asked = tuple[DeathPoint, bool]


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with World(ready_made=True) as world:
        migrate(world.environment())
        yield world


@pytest.fixture
def own_world() -> Iterator[World]:
    """Servers that one test may break or starve."""
    with World(ready_made=True) as world:
        migrate(world.environment())
        yield world


@pytest.fixture(scope="session")
def deaths(request: pytest.FixtureRequest, world: World) -> Iterator[Callable[[DeathPoint, bool], None]]:
    """Dies every selected death, and raises what went wrong with the one that is asked for."""
    asked: list[Asked] = []
    for item in request.session.items:
        values = getattr(getattr(item, "callspec", None), "params", {})
        if {"point", "broker_lost"} <= values.keys():
            asked.append((values["point"], values["broker_lost"]))
    with (
        tempfile.TemporaryDirectory(prefix="deaths-") as directory,
        Preloaded() as preloaded,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def die(point: DeathPoint, broker_lost: bool) -> None:
            scenario = SCENARIOS[point.scenario]
            with closing(Case(world, preloaded, Path(directory), credits=scenario.credits)) as case:
                scenario.arrange(case)
                case.die_at(point.at)
                if broker_lost:
                    case.lose_broker()
                scenario.afterwards(case)
                case.heal()
                _check(case, point)

        running: dict[Asked, Future[None]] = {each: pool.submit(die, *each) for each in asked}
        yield lambda point, broker_lost: running[point, broker_lost].result()
        pool.shutdown(cancel_futures=True)


def _check(case: Case, point: DeathPoint) -> None:
    expected = SCENARIOS[point.scenario]
    findings = case.audit()
    tail = case.log()[-4_000:]
    assert not findings.sentences(), f"{findings.sentences()}\n{tail}"
    assert not findings.stray_objects, f"{findings.stray_objects}\n{tail}"
    (row,) = case.job_rows()
    end = (row["job_status"], row["completed_images"], row["failed_images"])
    assert end == (expected.status, expected.stored, expected.failed), f"{row}\n{tail}"
    assert bool(case.told) == expected.is_told, tail
    assert len({(request.headers["webhook-id"], request.body) for request in case.told}) <= 1, tail
    assert case.provider_calls() <= expected.calls + point.paid_again, tail
