"""A message this process sends to itself is fetched at once; Dramatiq alone finds it at its next poll.

Polls of an idle queue are up to a tenth of a second apart and a job crosses five queues, most often within
one process. What other processes send is still found by polling.
"""

import threading
from typing import Any

import dramatiq
from dramatiq.common import compute_backoff

from quel.actors.pulse import BrokerWithPulse


class PromptBroker(BrokerWithPulse):
    """Wakes the consumer of a queue when this process sends to it, and when a full one has room again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._wakes: dict[str, threading.Event] = {}

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Sends a message; one without delay is fetched at once where this process serves its queue."""
        sent: dramatiq.Message[Any] = super().enqueue(message, delay=delay)
        self._wake(sent.queue_name).set()
        return sent

    def _wake(self, queue: str) -> threading.Event:
        return self._wakes.setdefault(queue, threading.Event())

    @property
    def consumer_class(self) -> Any:
        """The consumer of the class above, which can be woken while it waits for its next poll."""
        wake_of = self._wake

        class Consumer(super().consumer_class):  # type: ignore[misc]  # a class made by a property
            def __init__(self, broker: dramatiq.Broker, queue_name: str, prefetch: int, timeout: int) -> None:
                super().__init__(broker, queue_name, prefetch, 0)  # the waiting is done here, not there
                self._longest_wait_ms = timeout
                self._wake = wake_of(queue_name)

            def __next__(self) -> dramatiq.MessageProxy | None:
                self._wake.clear()  # before the look: what is sent after it wakes
                message: dramatiq.MessageProxy | None = super().__next__()
                if message is None:
                    _, wait_ms = compute_backoff(self.misses - 1, max_backoff=self._longest_wait_ms)
                    self._wake.wait(wait_ms / 1000)
                return message

            def ack(self, message: dramatiq.MessageProxy) -> None:
                was_full = self.outstanding_message_count >= self.prefetch
                super().ack(message)
                if was_full:
                    self._wake.set()

        return Consumer
