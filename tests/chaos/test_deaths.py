"""Once and only once, whatever dies: at every moment, and also when the broker's Redis loses all it has."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from quel.sandbox import World
from tests.chaos.case import Case
from tests.chaos.death_points import POINTS, DeathPoint
from tests.preloaded import Preloaded


@pytest.mark.parametrize("broker_lost", [False, True], ids=["messages kept", "messages lost"])
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_the_job_ends_as_it_should_after_a_death(
    point: DeathPoint, broker_lost: bool, deaths: Callable[[DeathPoint, bool], None]
) -> None:
    deaths(point, broker_lost)


def test_every_call_that_a_job_and_a_sweep_make_is_one_somebody_dies_at(world: World, tmp_path: Path) -> None:
    passed = tmp_path / "passed"
    with Preloaded() as preloaded, closing(Case(world, preloaded, tmp_path, credits=100)) as case:
        case.order()
        with case.workers(module="quel.sandbox.crash_points", QUEL_SANDBOX_PASSED=str(passed)):
            case.wait_until(lambda: not case.is_open() and "sweep.done" in case.log(), 60)
    calls = {line.partition(":")[2] for line in passed.read_text().splitlines()}
    died_at = {point.at.partition(":")[2].partition("#")[0] for point in POINTS}
    assert "FinalizeJobRows.close" in calls
    assert calls <= died_at
