"""A message a process sends to itself wakes its own consumer; what others send is found by polling."""

import threading
import time
from typing import Self

import dramatiq

from quel.actors.prompt_broker import PromptBroker
from quel.actors.pulse import Pulse
from quel.adapters.redis.client import connect

QUEUE = "generate_image"
AN_HOUR_MS = 3_600_000
LONG_IDLE = 20  # polls in vain, after which Dramatiq's pause has grown to an hour
DEADLINE_S = 20.0


def _broker(url: str) -> PromptBroker:
    broker = PromptBroker(pulse=Pulse(), client=connect(url), middleware=[])
    broker.declare_queue(QUEUE)
    return broker


def _message(number: int) -> dramatiq.Message[None]:
    return dramatiq.Message(QUEUE, "make", (number,), {}, {})


class Reader:
    """Reads messages in a thread, as a worker's consumer thread does."""

    def __init__(self, broker: PromptBroker, *, prefetch: int, timeout: int, misses: int) -> None:
        self._misses = misses
        self.consumer = broker.consume(QUEUE, prefetch=prefetch, timeout=timeout)
        self.taken: list[dramatiq.MessageProxy] = []
        self._broker = broker
        self._more = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._broker.enqueue(_message(-1))  # wakes it
        self._thread.join(DEADLINE_S)
        self._broker.client.close()

    def _read(self) -> None:
        self.consumer.misses = self._misses
        for message in self.consumer:
            if self._stopped:
                return
            self.consumer.misses = self._misses
            if message is not None:
                with self._more:
                    self.taken.append(message)
                    self._more.notify_all()

    def has(self, number: int) -> bool:
        with self._more:
            return self._more.wait_for(lambda: len(self.taken) >= number, DEADLINE_S)


def _until_it_waits() -> None:
    time.sleep(0.3)


def test_a_consumer_that_would_sleep_for_an_hour_takes_what_its_own_process_sends(redis_url):
    broker = _broker(redis_url)
    with Reader(broker, prefetch=4, timeout=AN_HOUR_MS, misses=LONG_IDLE) as reader:
        for number in range(3):
            _until_it_waits()
            broker.enqueue(_message(number))
            assert reader.has(number + 1)


def test_a_full_consumer_takes_the_next_message_when_one_is_acknowledged(redis_url):
    broker = _broker(redis_url)
    for number in range(2):
        broker.enqueue(_message(number))
    with Reader(broker, prefetch=1, timeout=AN_HOUR_MS, misses=LONG_IDLE) as reader:
        assert reader.has(1)
        _until_it_waits()
        reader.consumer.ack(reader.taken[0])
        assert reader.has(2)
        assert [message.args for message in reader.taken] == [(0,), (1,)]


def test_what_another_process_sends_is_found_at_the_next_poll(redis_url):
    with Reader(_broker(redis_url), prefetch=4, timeout=100, misses=0) as reader:
        other = _broker(redis_url)
        other.enqueue(_message(0))
        assert reader.has(1)
        other.client.close()
