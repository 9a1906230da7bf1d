"""For how long an engine has been out, over all processes: counted from the first who noticed.

quel:out:{name}   Redis' time in ms; gone where nobody has noticed for two minutes
"""

import redis

from quel.adapters.redis.client import redis_errors

_KNOWN_MS = 120_000  # longer than the admission controller waits before it asks again

_NOTICED = """
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("SET", KEYS[1], now, "NX", "PX", ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return math.max(0, now - tonumber(redis.call("GET", KEYS[1])))
"""


class Outage:
    """Of one engine, or of one workflow's servers. Methods raise ServiceUnavailable."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._redis, self._key = client, f"quel:out:{name}"
        self._noticed = client.register_script(_NOTICED)

    def seconds(self, *, is_out: bool) -> float:
        """For how long it has been out, now that it is or is not."""
        with redis_errors():
            if is_out:
                return float(self._noticed(keys=[self._key], args=[_KNOWN_MS])) / 1000
            self._redis.delete(self._key)
        return 0.0
