"""The admission controller asks the quota no more often than it must, and sends for everyone who waits."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quel.actors.admission.controller import AdmissionController
from quel.core.quota import Later, Slot

DEADLINE_S = 20.0


class House:
    """A controller with what it sends for. `waiting` images are due."""

    def __init__(self, waiting: int = 100) -> None:
        self.waiting = waiting
        self.in_queue = 0
        self.rung: queue.Queue[int] = queue.Queue()
        self.bell = AdmissionController(
            notify=self.rung.put,
            due=lambda most: min(most, self.waiting),
            backlog=lambda: self.in_queue,
            handful=8,
        )

    @contextmanager
    def ringing(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.bell.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def drop(self, later: Later, times: int = 1) -> None:
        for _ in range(times):
            self.bell.wait(later)


def slot(wait_s: float) -> Slot:
    return Slot("owner", wait_s, "0", attention=False, due_at_s=wait_s)


class Quota:
    """Answers in turn, and counts how often it was asked."""

    def __init__(self, *answers: Slot | Later) -> None:
        self._answers = list(answers)
        self.asked = 0

    def reserve(self) -> Slot | Later:
        self.asked += 1
        return self._answers.pop(0)


def test_a_slot_that_comes_at_once_leaves_the_bell_open():
    house, quota = House(), Quota(slot(0.0), slot(0.1))
    assert [house.bell.ask(quota.reserve), house.bell.ask(quota.reserve)] == [slot(0.0), slot(0.1)]


def test_nobody_asks_for_the_next_slot_long_before_it_can_come():
    house, quota = House(), Quota(slot(20.0))
    house.bell.ask(quota.reserve)
    later = house.bell.ask(quota.reserve)
    assert isinstance(later, Later)
    assert later.reason == "known"
    assert 15 < later.wait_s < 20
    assert quota.asked == 1


def test_who_hears_that_a_minute_is_used_up_keeps_the_others_from_asking():
    house, quota = House(), Quota(Later(20.0, "minute"))
    first, second = house.bell.ask(quota.reserve), house.bell.ask(quota.reserve)
    assert [first.reason, second.reason] == ["minute", "known"]
    assert 15 < first.wait_s < 20
    assert quota.asked == 1


def test_a_call_that_ends_opens_a_bell_that_was_closed_for_too_many_calls_at_once():
    house, quota = House(), Quota(Later(20.0, "concurrency"), slot(0.0))
    house.drop(house.bell.ask(quota.reserve))
    assert house.bell.call_ended()
    assert house.bell.ask(quota.reserve) == slot(0.0)


def test_a_call_that_ends_rings_for_nobody_while_the_minute_is_used_up():
    house, quota = House(), Quota(Later(20.0, "minute"))
    house.drop(house.bell.ask(quota.reserve))
    assert not house.bell.call_ended()


def test_a_call_that_ends_rings_once_for_each_message_dropped():
    house = House()
    house.drop(Later(60.0, "path"), times=2)
    assert [house.bell.call_ended() for _ in range(3)] == [True, True, False]


def test_one_message_is_rung_for_when_the_wait_is_over():
    house = House()
    with house.ringing():
        house.in_queue = 8
        house.drop(Later(0.05, "paused"), times=5)
        assert house.rung.get(timeout=DEADLINE_S) == 1


def test_each_slot_granted_rings_for_the_next_message_until_none_waits():
    house, quota = House(), Quota(*[slot(0.0)] * 4)
    house.in_queue = 8
    house.drop(Later(0.05, "minute"), times=4)
    with house.ringing():
        for _ in range(4):
            assert house.rung.get(timeout=DEADLINE_S) == 1
            house.bell.ask(quota.reserve)
        assert not house.bell.call_ended()


def test_nobody_is_rung_for_while_the_bell_is_closed():
    house = House()
    house.drop(Later(0.0, "paused"), times=3)
    house.bell.closed(30.0)
    with house.ringing():
        try:
            rung = house.rung.get(timeout=0.6)
        except queue.Empty:
            rung = 0
    assert rung == 0


def test_messages_whose_images_are_gone_are_forgotten():
    house = House(waiting=0)
    house.drop(Later(0.0, "paused"), times=3)
    with house.ringing():
        for _ in range(200):
            if not house.bell.call_ended():
                break
            house.drop(Later(0.0, "paused"))
            threading.Event().wait(0.05)
        else:
            raise AssertionError("Dropped messages were never forgotten.")


def test_images_nobody_remembers_are_rung_for_as_far_as_messages_are_missing():
    house = House(waiting=5)
    house.in_queue = 2
    with house.ringing():
        assert house.rung.get(timeout=DEADLINE_S) == 3
