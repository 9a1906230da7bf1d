"""Who waits gets something in its turn, and nothing is ever lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from quel.adapters.fair_pool import FairPool

LONG_S = 30.0


def wait_until_waiting(pool, count):
    ends_at = time.monotonic() + LONG_S
    while len(pool._waiting) < count:
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def start(target, *args):
    thread = threading.Thread(target=target, args=args)
    thread.start()
    return thread


def test_what_is_free_is_lent_and_comes_back():
    pool = FairPool(["a", "b"])
    with pool.borrow(0) as first, pool.borrow(0) as second:
        assert {first, second} == {"a", "b"}
    with pool.borrow(0), pool.borrow(0):
        pass


def test_what_was_used_last_is_lent_first():
    pool = FairPool(["a", "b", "c"])
    with pool.borrow(0) as first, pool.borrow(0):
        pass
    with pool.borrow(0) as again:
        assert again == first


def test_whoever_waits_too_long_is_told_and_takes_nothing_along():
    pool = FairPool(["a"])
    with pool.borrow(0), pytest.raises(TimeoutError), pool.borrow(0.01):
        pass
    with pool.borrow(0):
        pass


def test_threads_get_their_turn_in_the_order_they_came():
    pool, order = FairPool(["a"]), []

    def borrow(number):
        with pool.borrow(LONG_S):
            order.append(number)

    with pool.borrow(0):
        threads = []
        for number in range(8):
            threads.append(start(borrow, number))
            wait_until_waiting(pool, number + 1)
    for thread in threads:
        thread.join()
    assert order == [*range(8)]


def test_a_thread_that_comes_back_at_once_does_not_overtake_those_that_wait():
    pool, held = FairPool(["a"]), threading.Event()

    def hold():
        with pool.borrow(LONG_S):
            held.wait(LONG_S)

    with pool.borrow(0):
        waiting = start(hold)
        wait_until_waiting(pool, 1)
    with pytest.raises(TimeoutError), pool.borrow(0):
        pass
    held.set()
    waiting.join()


def test_a_block_that_fails_gives_back():
    pool = FairPool(["a"])
    with pytest.raises(ZeroDivisionError), pool.borrow(0):
        raise ZeroDivisionError
    with pool.borrow(0):
        pass


def test_nothing_is_lent_twice_or_lost_between_impatient_threads():
    pool, lent = FairPool(range(3)), set()

    def borrow(number):
        try:
            with pool.borrow(0.0005 * (number % 4)) as thing:
                assert thing not in lent
                lent.add(thing)
                time.sleep(0.0005)
                lent.remove(thing)
        except TimeoutError:
            pass

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(borrow, range(1_000)))
    with pool.borrow(0) as a, pool.borrow(0) as b, pool.borrow(0) as c:
        assert {a, b, c} == {0, 1, 2}
