"""What holds for every test, and what tests of several rooms look at."""

import gc
import importlib
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from deploy.manifests import OVERLAYS, Manifest, render
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.xdist_process import process_number, processes

# A property is true or not, whatever the machine is busy with and whatever the dice say that day.
settings.register_profile(
    "quel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quel")

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collects without a look at what could be freed, then and later: nothing that is collected can be."""
    gc.disable()
    try:
        _import_a_share(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _import_a_share(config: pytest.Config) -> None:
    """Of several processes each begins with files of its own, and finds the others' compiled by them.

    pytest compiles a file that it has not seen before; that takes as long as all the rest of collecting.
    """
    if processes() == 1 or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    files = [file for place in config.args for file in sorted((ROOT / place).rglob("test_*.py"))]
    for file in files[process_number() :: processes()]:
        with suppress(Exception):  # a file that cannot be imported is told by collecting it
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


class ByFileOrAlone(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out the tests of a file together, and alone those that have processes of their own to wait for.

    A file stays together where something is made once for its tests: each process would make it anew.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return nodeid if _goes_alone(file) else file


@cache
def _goes_alone(file: str) -> bool:
    return file.startswith("tests/integration/") and 'scope="module"' not in Path(file).read_text("utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How several processes share the tests out (make test)."""
    return ByFileOrAlone(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes of its own waits longest and comes first, so none is waited for at the end."""
    items.sort(key=lambda item: _is_short(item) and item.path.name != "test_style.py")


def _is_short(item: pytest.Item) -> bool:
    return "pipeline" not in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every overlay, rendered once; whoever changes them copies them first."""
    return {overlay.name: render(overlay) for overlay in OVERLAYS}


@pytest.fixture(scope="session")
def alert_rule(rendered: dict[str, list[Manifest]]) -> Manifest:
    """The alerts as production gets them."""
    [rule] = [each for each in rendered["production"] if each["kind"] == "PrometheusRule"]
    return rule
