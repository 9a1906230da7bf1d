"""Threads that decode share a budget: nobody exceeds it, nobody is passed over, nothing is lost by errors."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import pytest

from quel.adapters.memory_budget import MemoryBudget

PATIENCE_S = 30


class Held:
    """A share taken in a thread of its own, until it is let go."""

    def __init__(self, budget, size):
        self.has_it, self._enough = Event(), Event()
        self._thread = Thread(target=self._hold, args=(budget, size), daemon=True)
        self._thread.start()

    def _hold(self, budget, size):
        with budget.share(size):
            self.has_it.set()
            self._enough.wait(PATIENCE_S)

    def let_go(self):
        self._enough.set()
        self._thread.join(PATIENCE_S)


def in_line(budget, size, place):
    held = Held(budget, size)
    while len(budget._waiting) < place:
        held.has_it.wait(0.001)
    return held


def test_what_fits_runs_side_by_side():
    budget = MemoryBudget(100)
    first, second = Held(budget, 60), Held(budget, 40)
    assert first.has_it.wait(PATIENCE_S)
    assert second.has_it.wait(PATIENCE_S)
    first.let_go()
    second.let_go()


def test_what_does_not_fit_waits_and_nobody_overtakes_it():
    budget = MemoryBudget(100)
    first = Held(budget, 60)
    assert first.has_it.wait(PATIENCE_S)
    large = in_line(budget, 50, 1)
    small = in_line(budget, 10, 2)
    assert not large.has_it.is_set()
    assert not small.has_it.is_set()
    first.let_go()
    assert large.has_it.wait(PATIENCE_S)
    assert small.has_it.wait(PATIENCE_S)
    large.let_go()
    small.let_go()


def test_what_is_larger_than_the_budget_runs_alone():
    budget = MemoryBudget(100)
    giant = Held(budget, 1_000_000)
    assert giant.has_it.wait(PATIENCE_S)
    small = in_line(budget, 1, 1)
    assert not small.has_it.is_set()
    giant.let_go()
    assert small.has_it.wait(PATIENCE_S)
    small.let_go()


def test_an_error_gives_the_share_back():
    budget = MemoryBudget(100)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), budget.share(100):
            raise ValueError("broken")


def test_many_threads_never_hold_more_than_the_budget():
    budget, lock = MemoryBudget(100), Lock()
    held, most = 0, 0

    def work(size):
        nonlocal held, most
        with budget.share(size):
            with lock:
                held += min(size, 100)
                most = max(most, held)
            with lock:
                held -= min(size, 100)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, [7, 30, 99, 250, 1, 64] * 50))
    assert most <= 100
    assert held == 0
