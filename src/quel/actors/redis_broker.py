"""Messages are fetched as soon as they are there, without every queue's consumer asking all the time.

Dramatiq's consumers poll each queue and each queue's delayed messages for themselves: a dozen threads, ten
times a second. Here they sleep until they are woken: by this process when it sends, or by the one thread that
looks at all of its queues at once (`middleware/queue_poller.py`). Now and then each looks for itself all the
same, which also brings back the messages of workers that have died.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import dramatiq

from quel.actors.consumer_heartbeat import HeartbeatBroker

_OWN_LOOK_EVERY_S = 5.0
_STOPS_WITHIN_S = 1.0  # a consumer's thread sees between two waits whether it is to end
_HAND_OVER_EVERY_S = 0.2  # a delayed message waits in its consumer, which hands it over when it is due


class PollingRedisBroker(HeartbeatBroker):
    """Wakes the consumer of a queue when this process sends to it, and when a full one has room again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._wakes: dict[str, threading.Event] = {}
        self.shares: Mapping[str, int] = {}
        """How many messages of a queue this process works on at once; the worker's prefetch for others."""

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Sends a message; one without delay is fetched at once where this process serves its queue."""
        sent: dramatiq.Message[Any] = super().enqueue(message, delay=delay)
        self.wake(sent.queue_name)
        return sent

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """A consumer that has no more messages in hand than the queue's share."""
        consumer: dramatiq.Consumer = super().consume(
            queue_name, self.shares.get(queue_name, prefetch), timeout
        )
        return consumer

    def wake(self, queue: str) -> None:
        """Makes the consumer of `queue` look for messages now."""
        self._wake(queue).set()

    def _wake(self, queue: str) -> threading.Event:
        return self._wakes.setdefault(queue, threading.Event())

    @property
    def consumer_class(self) -> Any:
        """The consumer of the class above, which sleeps until it is woken."""
        wake_of = self._wake

        class Consumer(super().consumer_class):  # type: ignore[misc]  # a class made by a property
            def __init__(self, broker: dramatiq.Broker, queue_name: str, prefetch: int, timeout: int) -> None:
                super().__init__(broker, queue_name, prefetch, 0)  # the waiting is done here, not there
                self._wake = wake_of(queue_name)
                self._looks_at_s = 0.0

            def __next__(self) -> dramatiq.MessageProxy | None:
                left_s = self._looks_at_s - time.monotonic()
                longest_s = _HAND_OVER_EVERY_S if self.outstanding_message_count else _STOPS_WITHIN_S
                if left_s > 0 and not self._wake.wait(min(left_s, longest_s)):
                    return None
                self._wake.clear()  # before the look: what is sent after it wakes
                message: dramatiq.MessageProxy | None = super().__next__()
                self._looks_at_s = 0.0 if message else time.monotonic() + _OWN_LOOK_EVERY_S
                return message

            def ack(self, message: dramatiq.MessageProxy) -> None:
                was_full = self.outstanding_message_count >= self.prefetch
                super().ack(message)
                if was_full:
                    self._wake.set()

        return Consumer
