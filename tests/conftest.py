"""What holds for every test, and what tests of several rooms look at."""

import gc
import importlib
import os
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from deploy.manifests import OVERLAYS, Manifest, render
from hypothesis import HealthCheck, settings

from tests.mixed_order import mixed
from tests.preloaded import SHARED_AT, preloading
from tests.xdist_process import process_number, processes

# A property is true or not, whatever the machine is busy with and whatever the dice say that day.
settings.register_profile(
    "quel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quel")

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Has what processes side by side start quel's commands from imported once, for all of them."""
    if config.getoption("numprocesses", None):
        stack = ExitStack()
        os.environ[SHARED_AT] = str(stack.enter_context(preloading()))
        config.add_cleanup(stack.close)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that share the tests out take them in an order of their own."""
    if processes() > 1:
        items[:] = mixed(items)


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """The objects of every overlay, rendered once; whoever changes them copies them first."""
    return {overlay.name: render(overlay) for overlay in OVERLAYS}


@pytest.fixture(scope="session")
def alert_rule(rendered: dict[str, list[Manifest]]) -> Manifest:
    """The alerts as production gets them."""
    [rule] = [each for each in rendered["production"] if each["kind"] == "PrometheusRule"]
    return rule
