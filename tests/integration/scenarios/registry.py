"""Every scenario that both worlds play."""

from collections.abc import Callable

from tests.integration.two_worlds import World

Scenario = Callable[[World], None]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    """Has both worlds play it."""
    SCENARIOS.append(play)
    return play
