"""Which programs have spoken to the broker of late: Dramatiq notes each time under the program's own name.

dramatiq:__heartbeats__   zset: worker id -> unix ms of its last word
"""

import time
from typing import Any

import redis

from quel.adapters.redis.client import redis_errors

_KEY = "dramatiq:__heartbeats__"
HEARTBEAT_S = 60.0
"""After so much silence Dramatiq itself takes a worker for dead."""


def seen_on_broker(client: redis.Redis) -> list[float]:
    """How many seconds ago each program spoke, by the clocks of their hosts. Raises ServiceUnavailable."""
    with redis_errors():
        beats: list[Any] = client.zrange(_KEY, 0, -1, withscores=True)
    now_ms = time.time() * 1000
    return [max(0.0, now_ms - float(beat_ms)) / 1000 for _, beat_ms in beats]
