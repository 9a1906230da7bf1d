"""What holds for every test, and what tests of several rooms look at."""

from pathlib import Path

import pytest
from deploy.manifests import OVERLAYS, Manifest, render
from hypothesis import HealthCheck, settings

# A property is true or not, whatever the machine is busy with and whatever the dice say that day.
settings.register_profile(
    "quel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quel")

_UNIT = Path(__file__).parent / "unit"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """How several processes share the tests out (make test).

    Tests of one file stay together where they stand on something made once for them, else every process
    would make it anew; unit tests stay together because each alone is over sooner than it is handed out. A
    test that starts processes of its own waits longest and comes first: none is waited for at the end.
    """
    for item in items:
        if item.path.is_relative_to(_UNIT) or _stands_on_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: "pipeline" not in getattr(item, "fixturenames", ()))


def _stands_on_its_file(item: pytest.Item) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(each.scope == "module" for every in fixtures.values() for each in every)


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every overlay, rendered once; whoever changes them copies them first."""
    return {overlay.name: render(overlay) for overlay in OVERLAYS}


@pytest.fixture(scope="session")
def alert_rule(rendered: dict[str, list[Manifest]]) -> Manifest:
    """The alerts as production gets them."""
    [rule] = [each for each in rendered["production"] if each["kind"] == "PrometheusRule"]
    return rule
