"""The admission controller asks the quota no more often than it must, and sends for everyone who waits."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quel.actors.admission.controller import AdmissionController
from quel.core.quota import Later, Slot

DEADLINE_S = 20.0


class Process:
    """A worker's controller and what it sees: `waiting` images are due, `in_queue` messages not fetched.

    `notified` holds how many messages were sent, each time.
    """

    def __init__(self, waiting: int = 100) -> None:
        self.waiting = waiting
        self.in_queue = 0
        self.notified: queue.Queue[int] = queue.Queue()
        self.looked = threading.Event()
        self.admission = AdmissionController(
            notify=self.notified.put,
            due=self._due,
            backlog=lambda: self.in_queue,
            threads=8,
        )

    def _due(self, most: int) -> int:
        self.looked.set()
        return min(most, self.waiting)

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.admission.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def refused(self, quota: "Quota") -> Later:
        later = self.admission.ask(quota.reserve)
        assert isinstance(later, Later)
        return later

    def hears(self) -> bool:
        """Whether a message is sent within half a second."""
        try:
            return self.notified.get(timeout=0.6) > 0
        except queue.Empty:
            return False

    def drop(self, later: Later, times: int = 1) -> None:
        for _ in range(times):
            self.admission.wait(later)


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


def test_a_slot_that_comes_at_once_leaves_admission_open():
    process, quota = Process(), Quota(slot(0.0), slot(0.1))
    assert [process.admission.ask(quota.reserve), process.admission.ask(quota.reserve)] == [
        slot(0.0),
        slot(0.1),
    ]


def test_nobody_asks_for_the_next_slot_long_before_it_can_come():
    process, quota = Process(), Quota(slot(20.0))
    process.admission.ask(quota.reserve)
    later = process.refused(quota)
    assert later.reason == "known"
    assert 15 < later.wait_s < 20
    assert quota.asked == 1


def test_who_hears_that_a_minute_is_used_up_keeps_the_others_from_asking():
    process, quota = Process(), Quota(Later(20.0, "minute"))
    first, second = process.refused(quota), process.refused(quota)
    assert [first.reason, second.reason] == ["minute", "known"]
    assert 15 < first.wait_s < 20
    assert quota.asked == 1


def test_a_free_slot_opens_admission_that_was_closed_for_too_many_calls_at_once():
    process, quota = Process(), Quota(Later(20.0, "concurrency"), slot(0.0))
    process.drop(process.refused(quota))
    with process.running():
        process.admission.slot_is_free()
        assert process.notified.get(timeout=DEADLINE_S) == 1
    assert process.admission.ask(quota.reserve) == slot(0.0)


def test_a_free_slot_notifies_nobody_while_the_minute_is_used_up():
    process, quota = Process(), Quota(Later(20.0, "minute"))
    process.drop(process.refused(quota))
    with process.running():
        process.admission.slot_is_free()
        assert not process.hears()


def test_free_slots_notify_once_for_each_message_dropped():
    process = Process()
    process.in_queue = 8
    process.drop(Later(60.0, "path"), times=2)
    for _ in range(3):
        process.admission.slot_is_free()
    with process.running():
        assert process.notified.get(timeout=DEADLINE_S) == 2
        process.admission.slot_is_free()
        assert not process.hears()


def test_one_message_is_sent_when_the_wait_is_over():
    process = Process()
    with process.running():
        process.in_queue = 8
        process.drop(Later(0.05, "paused"), times=5)
        assert process.notified.get(timeout=DEADLINE_S) == 1


def test_each_slot_granted_sends_the_next_message_until_none_waits():
    process, quota = Process(), Quota(*[slot(0.0)] * 4)
    process.in_queue = 8
    process.drop(Later(0.05, "minute"), times=4)
    with process.running():
        for _ in range(4):
            assert process.notified.get(timeout=DEADLINE_S) == 1
            process.admission.ask(quota.reserve)
        process.admission.slot_is_free()
        assert not process.hears()


def test_nobody_is_notified_while_admission_is_closed():
    process = Process()
    process.drop(Later(0.0, "paused"), times=3)
    process.admission.block(30.0)
    with process.running():
        assert not process.hears()


def test_messages_whose_images_are_gone_are_forgotten():
    process = Process(waiting=0)
    process.in_queue = 8
    process.drop(Later(0.0, "paused"), times=3)
    with process.running():
        assert process.looked.wait(DEADLINE_S)
        assert not process.hears()
        process.waiting = 100
        process.admission.slot_is_free()
        assert not process.hears()


def test_images_nobody_remembers_are_sent_for_as_far_as_messages_are_missing():
    process = Process(waiting=5)
    process.in_queue = 2
    with process.running():
        assert process.notified.get(timeout=DEADLINE_S) == 3
