"""Once and only once, whatever dies: at every moment, and also when the broker's Redis loses all it has."""

from collections.abc import Callable

import pytest

from tests.chaos.death_points import POINTS, DeathPoint


@pytest.mark.parametrize("broker_lost", [False, True], ids=["messages kept", "messages lost"])
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_the_job_ends_as_it_should_after_a_death(
    point: DeathPoint, broker_lost: bool, deaths: Callable[[DeathPoint, bool], None]
) -> None:
    deaths(point, broker_lost)
