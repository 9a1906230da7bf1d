"""When the sweep last ran, for the doctor and the alerts.

quel:sweep:heartbeat   string: seconds of Redis' time, kept for a day
"""

import time

import redis

from quel.adapters.redis.client import redis_errors

_KEY = "quel:sweep:heartbeat"
_TTL_S = 24 * 3600


class SweepHeartbeat:
    """Notes and tells when a sweep came through. Methods raise ServiceUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def beat(self) -> None:
        """A sweep has just come through."""
        with redis_errors():
            seconds, _ = self._client.time()
            self._client.set(_KEY, seconds, ex=_TTL_S)

    def last_at(self) -> float | None:
        """When the last one did, in this host's unix seconds; None when that is more than a day ago."""
        with redis_errors():
            beat = self._client.get(_KEY)
            seconds, _ = self._client.time()
        return time.time() - max(0.0, seconds - float(beat)) if isinstance(beat, bytes) else None
