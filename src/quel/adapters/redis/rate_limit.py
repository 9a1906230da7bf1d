"""How often somebody may ask: a bucket a name, one for all replicas, by Redis' own clock.

quel:rate:{name}   hash: tokens, at (unix ms); gone a minute after its last use
"""

from pathlib import Path

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.operations.rate_limit import Allowance

_SCRIPT = Path(__file__).with_name("rate_limit.lua")
_MINUTE_MS = 60_000


class RateLimit:
    """Buckets that hold a minute's requests and refill steadily."""

    def __init__(self, client: redis.Redis, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._take = client.register_script(_SCRIPT.read_text(encoding="utf-8"))

    def take(self, name: str) -> Allowance:
        """Takes one request out of the name's bucket, if it is there. Raises ServiceUnavailable."""
        with redis_errors():
            granted, left, wait_ms = self._take(
                keys=[f"quel:rate:{name}"], args=[self._per_minute, self._per_minute / _MINUTE_MS]
            )
        return Allowance(bool(granted), left, wait_ms / 1000)
