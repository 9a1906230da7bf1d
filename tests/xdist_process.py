"""Which of the processes that run tests side by side this one is (pytest-xdist says it)."""

import os


def process_number() -> int:
    """From 0; pytest-xdist calls it gw0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def processes() -> int:
    """How many there are, 1 without pytest-xdist and in the process that shares the tests out."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
