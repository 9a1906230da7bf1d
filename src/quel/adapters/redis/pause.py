"""The operator's brake: which paths are paused, why and since when.

Rows say what is paused. Redis only carries an operator's word to them: whoever looks next writes it down, and
so a brake can be pulled by somebody who reaches Redis alone.

quel:paused   hash: path, "*" for all or "" (resume everything) -> JSON {why, since}, or {resume: true}
"""

import json
import time
from datetime import UTC, datetime

import redis

from quel.adapters.postgres.pause import PausedRows
from quel.adapters.redis.client import redis_errors

_KEY = "quel:paused"
_EVERYTHING, _ALL_PAUSES = "*", ""
_TTL_S = 30 * 24 * 3600
HONOURED_WITHIN_S = 2.0  # of a pause or its end

_TAKE_AWAY = """
if redis.call("HGET", KEYS[1], ARGV[1]) == ARGV[2] then redis.call("HDEL", KEYS[1], ARGV[1]) end
return 1
"""


class Pause:
    """Reads the brake, at most every two seconds, and sets it. Methods raise ServiceUnavailable.

    Without `rows` it knows no more than the words that nobody has written down yet.
    """

    def __init__(self, client: redis.Redis, rows: PausedRows | None) -> None:
        self._client = client
        self._rows = rows
        self._take_away = client.register_script(_TAKE_AWAY)
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
        words = self._words()
        if self._rows is None:
            return {path: word for path, (_, word) in words.items() if "resume" not in word}
        for path, (said, word) in words.items():
            if "resume" in word:
                self._rows.resume(path or None)
            else:
                self._rows.pause(path, word["why"], word["since"])
            with redis_errors():  # only what was written down: there may be a newer word
                self._take_away(keys=[_KEY], args=[path, said])
        return self._rows.notes()

    def pause(self, path: str | None, why: str) -> None:
        """Stops new images of a path, or of all."""
        note = {"why": why, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        self._say(path or _EVERYTHING, note)

    def resume(self, path: str | None) -> None:
        """Lets a path go on, or everything."""
        if path is None:
            with redis_errors():
                self._client.delete(_KEY)
        self._say(_ALL_PAUSES if path is None else path, {"resume": True})

    def _say(self, path: str, word: dict[str, str] | dict[str, bool]) -> None:
        with redis_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hset(_KEY, path, json.dumps(word))
            pipeline.expire(_KEY, _TTL_S)
            pipeline.execute()

    def _words(self) -> dict[str, tuple[str, dict[str, str]]]:
        """The words nobody has written down yet; the one on every pause comes first."""
        with redis_errors():
            fields = self._client.hgetall(_KEY)
        words = {_text(path): (_text(said), json.loads(said)) for path, said in fields.items()}
        return dict(sorted(words.items()))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
