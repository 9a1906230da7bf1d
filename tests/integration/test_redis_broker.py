"""A consumer sleeps until it is woken: by what its process sends, an acknowledgement, or the queue_poller."""

import threading
import time
from collections.abc import Iterator
from typing import Self

import dramatiq
import pytest
from dramatiq.worker import ConsumerThread

from quel.actors import redis_broker
from quel.actors.consumer_heartbeat import ConsumerHeartbeat
from quel.actors.middleware.queue_poller import QueuePoller
from quel.actors.redis_broker import PollingRedisBroker
from quel.adapters.redis.client import connect
from quel.settings import Settings
from tests.integration.harness import until

QUEUE = "generate_image"
AN_HOUR_S = 3_600.0
DEADLINE_S = 20.0


@pytest.fixture
def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers that do not look for themselves for an hour."""
    monkeypatch.setattr(redis_broker, "_OWN_LOOK_EVERY_S", AN_HOUR_S)


class Wake(threading.Event):
    """What a consumer sleeps on; tells when it does."""

    def __init__(self) -> None:
        super().__init__()
        self._waited_on = False

    def wait(self, timeout: float | None = None) -> bool:
        self._waited_on = True
        try:
            return super().wait(timeout)
        finally:
            self._waited_on = False

    def until_it_sleeps(self) -> None:
        until(lambda: self._waited_on and not self.is_set(), "the consumer sleeps")


def _broker(url: str) -> PollingRedisBroker:
    broker = PollingRedisBroker(heartbeat=ConsumerHeartbeat(), client=connect(url), middleware=[])
    broker.declare_queue(QUEUE)
    broker._wakes[QUEUE] = Wake()
    return broker


def _idle_worker(broker: PollingRedisBroker) -> dramatiq.Worker:
    """A worker of the queue, and of its delayed messages, that takes nothing itself."""
    worker = dramatiq.Worker(broker)
    worker.consumers = {
        name: ConsumerThread(
            broker=broker, queue_name=name, prefetch=1, work_queue=worker.work_queue, worker_timeout=100
        )
        for name in (QUEUE, f"{QUEUE}.DQ")
    }
    return worker


def _message(number: int) -> dramatiq.Message[None]:
    return dramatiq.Message(QUEUE, "make", (number,), {}, {})


class Reader:
    """Reads messages in a thread, as a worker's consumer thread does."""

    def __init__(self, broker: PollingRedisBroker, *, prefetch: int = 4) -> None:
        self.consumer = broker.consume(QUEUE, prefetch=prefetch, timeout=100)
        self.taken: list[dramatiq.MessageProxy] = []
        self._broker = broker
        wake = broker._wakes[QUEUE]
        assert isinstance(wake, Wake)
        self.until_it_sleeps = wake.until_it_sleeps
        self._more = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.until_it_sleeps()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._thread.join(DEADLINE_S)
        self._broker.client.close()

    def _read(self) -> None:
        for message in self.consumer:
            if self._stopped:
                return
            if message is not None:
                with self._more:
                    self.taken.append(message)
                    self._more.notify_all()

    def has(self, number: int) -> bool:
        with self._more:
            return self._more.wait_for(lambda: len(self.taken) >= number, DEADLINE_S)


def test_a_sleeping_consumer_takes_what_its_own_process_sends(redis_url: str, sleepy: None) -> None:
    broker = _broker(redis_url)
    with Reader(broker) as reader:
        for number in range(3):
            broker.enqueue(_message(number))
            assert reader.has(number + 1)
            reader.until_it_sleeps()


def test_a_full_consumer_takes_the_next_message_when_one_is_acknowledged(
    redis_url: str, sleepy: None
) -> None:
    broker = _broker(redis_url)
    for number in range(2):
        broker.enqueue(_message(number))
    with Reader(broker, prefetch=1) as reader:
        assert reader.has(1)
        reader.consumer.ack(reader.taken[0])
        assert reader.has(2)
        assert [message.args for message in reader.taken] == [(0,), (1,)]


@pytest.fixture
def other(redis_url: str) -> Iterator[PollingRedisBroker]:
    """Another process's broker."""
    broker = _broker(redis_url)
    yield broker
    broker.client.close()


def test_the_queue_poller_wakes_a_consumer_for_what_another_process_sends(
    redis_url: str, other: PollingRedisBroker, sleepy: None
) -> None:
    broker = _broker(redis_url)
    queue_poller = QueuePoller(Settings(QUEL_BROKER_REDIS_URL=redis_url))
    worker = _idle_worker(broker)
    with Reader(broker) as reader:
        queue_poller.after_worker_boot(broker, worker)
        for number in range(3):
            other.enqueue(_message(number))
            assert reader.has(number + 1)
        queue_poller.before_worker_shutdown(broker, worker)
        reader.until_it_sleeps()
        other.enqueue(_message(3))
        time.sleep(0.3)
        assert len(reader.taken) == 3


def test_a_consumer_looks_for_itself_now_and_then(redis_url: str, other: PollingRedisBroker) -> None:
    with Reader(_broker(redis_url)) as reader:
        other.enqueue(_message(0))
        assert reader.has(1)
