"""Notes when a consumer last asked Redis for messages: the sign of life that /livez goes by."""

import threading
import time
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker


class ConsumerHeartbeat:
    """The last move of each consumer of this process, on the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moved_at_s: dict[str, float] = {}

    def beat(self, queue: str) -> None:
        """The consumer of `queue` has just moved."""
        with self._lock:
            self._moved_at_s[queue] = time.monotonic()

    def slowest_at_s(self, queues: set[str]) -> float:
        """When the one of `queues` that has been still for longest moved; now where there is none."""
        with self._lock:
            return min((self._moved_at_s.get(queue, 0.0) for queue in queues), default=time.monotonic())


class HeartbeatBroker(RedisBroker):
    """Dramatiq's broker on Redis, whose consumers beat with every poll."""

    def __init__(self, *, heartbeat: ConsumerHeartbeat, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # Dramatiq leaves it without types
        self._heartbeat = heartbeat

    @property
    def consumer_class(self) -> Any:
        """Dramatiq's consumer with a beat in front of each poll."""
        heartbeat = self._heartbeat

        class Consumer(super().consumer_class):  # type: ignore[misc]  # a class made by a property
            def __next__(self) -> dramatiq.MessageProxy | None:
                heartbeat.beat(self.queue_name)
                message: dramatiq.MessageProxy | None = super().__next__()
                return message

        return Consumer
