"""The order in which processes side by side take the files of tests: of every kind some are always under way.

Files that start quel's own processes wait for them most of the time, the others compute. In the order of
their names those that wait come together, and the cores idle for an eighth of a run.
"""

from collections.abc import Iterable
from itertools import chain, groupby

import pytest

_WAITING = {"pipeline", "workers", "comfy"}
"""The fixtures whose tests wait for processes that work."""

_LONG_END_BY = 0.85
"""The share of all files after which only unit tests are left: they are short, so no process ends late."""


def mixed(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The same tests, those of a file together and each kind of file spread evenly over the run."""
    kinds: dict[str, list[list[pytest.Item]]] = {}
    for _, together in groupby(items, key=lambda item: item.path):
        file = sorted(together, key=_shares_workers)
        kinds.setdefault(_kind(file), []).append(file)
    places = [
        (place / len(files) * (1 if kind == "unit" else _LONG_END_BY), file)
        for kind, files in kinds.items()
        for place, file in enumerate(files)
    ]
    return list(chain.from_iterable(file for _, file in sorted(places, key=lambda placed: placed[0])))


def _kind(file: Iterable[pytest.Item]) -> str:
    if any(not _WAITING.isdisjoint(_fixtures(item)) for item in file):
        return "waits"
    return "unit" if all(item.nodeid.startswith("tests/unit/") for item in file) else "computes"


def _shares_workers(item: pytest.Item) -> bool:
    """Such tests come one after the other, so that the workers are started once."""
    return "workers" in _fixtures(item)


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])
