"""The operator's brake: which paths are paused, why and since when.

quel:paused   hash: path or "*" -> JSON {why, since}
"""

import json
import time
from datetime import UTC, datetime

import redis

from quel.adapters.redis.client import redis_errors

_KEY = "quel:paused"
_EVERYTHING = "*"
HONOURED_WITHIN_S = 2.0  # of a pause or its end


class Pause:
    """Reads the brake, at most every two seconds, and sets it. Methods raise ServiceUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._read_at = 0.0
        self._paused: frozenset[str] = frozenset()

    def paused_paths(self) -> frozenset[str]:
        """The paused paths; `*` stands for all."""
        now = time.monotonic()
        if now >= self._read_at + HONOURED_WITHIN_S:
            self._paused = frozenset(self.notes())
            self._read_at = now
        return self._paused

    def notes(self) -> dict[str, dict[str, str]]:
        """Each paused path with {why, since}."""
        with redis_errors():
            fields = self._client.hgetall(_KEY)
        return {path.decode(): json.loads(note) for path, note in fields.items() if isinstance(path, bytes)}

    def pause(self, path: str | None, why: str) -> None:
        """Stops new images of a path, or of all."""
        note = {"why": why, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        with redis_errors():
            self._client.hset(_KEY, path or _EVERYTHING, json.dumps(note))

    def resume(self, path: str | None) -> None:
        """Lets a path go on, or everything."""
        with redis_errors():
            if path is None:
                self._client.delete(_KEY)
            else:
                self._client.hdel(_KEY, path)
