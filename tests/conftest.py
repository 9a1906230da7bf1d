"""What holds for every test, and what tests of several rooms look at."""

import pytest
from deploy.manifests import OVERLAYS, Manifest, render
from hypothesis import HealthCheck, settings

# A property is true or not, whatever the machine is busy with and whatever the dice say that day.
settings.register_profile(
    "quel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quel")


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every overlay, rendered once; whoever changes them copies them first."""
    return {overlay.name: render(overlay) for overlay in OVERLAYS}


@pytest.fixture(scope="session")
def alert_rule(rendered: dict[str, list[Manifest]]) -> Manifest:
    """The alerts as production gets them."""
    [rule] = [each for each in rendered["production"] if each["kind"] == "PrometheusRule"]
    return rule
