"""A message a process sends to itself wakes its own consumer; what others send is found by polling."""

import threading
from collections.abc import Iterator

import dramatiq
import pytest

from quel.actors.prompt_broker import PromptBroker
from quel.actors.pulse import Pulse
from quel.adapters.redis.client import connect

QUEUE = "generate_image"
AN_HOUR_MS = 3_600_000
DEADLINE_S = 20.0


def _broker(url: str) -> PromptBroker:
    broker = PromptBroker(pulse=Pulse(), client=connect(url), middleware=[])
    broker.declare_queue(QUEUE)
    return broker


def _message(number: int) -> dramatiq.Message[None]:
    return dramatiq.Message(QUEUE, "make", (number,), {}, {})


@pytest.fixture
def broker(redis_url: str) -> Iterator[PromptBroker]:
    broker = _broker(redis_url)
    yield broker
    broker.client.close()


class Reader:
    """Reads messages in a thread, as a worker's consumer thread does."""

    def __init__(self, consumer: dramatiq.broker.Consumer) -> None:
        self.consumer = consumer
        self.taken: list[dramatiq.MessageProxy] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for message in self.consumer:
            if message is not None:
                with self._more:
                    self.taken.append(message)
                    self._more.notify_all()

    def has(self, number: int) -> bool:
        with self._more:
            return self._more.wait_for(lambda: len(self.taken) >= number, DEADLINE_S)


def test_a_consumer_that_would_sleep_for_an_hour_takes_what_its_own_process_sends(broker):
    reader = Reader(broker.consume(QUEUE, prefetch=4, timeout=AN_HOUR_MS))
    for number in range(3):
        threading.Event().wait(0.3)  # its pauses have grown by now
        broker.enqueue(_message(number))
        assert reader.has(number + 1)


def test_a_full_consumer_takes_the_next_message_when_one_is_acknowledged(broker):
    for number in range(2):
        broker.enqueue(_message(number))
    consumer = broker.consume(QUEUE, prefetch=1, timeout=AN_HOUR_MS)
    reader = Reader(consumer)
    assert reader.has(1)
    threading.Event().wait(0.3)
    consumer.ack(reader.taken[0])
    assert reader.has(2)
    assert [message.args for message in reader.taken] == [(0,), (1,)]


def test_what_another_process_sends_is_found_at_the_next_poll(broker, redis_url):
    reader = Reader(broker.consume(QUEUE, prefetch=4, timeout=100))
    other = _broker(redis_url)
    other.enqueue(_message(0))
    assert reader.has(1)
    other.client.close()
