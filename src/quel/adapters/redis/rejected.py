"""Entries of raw lists that were no jobs: kept for an operator, who looks, pushes them back, or drops them.

quel:ingest:rejected   list: JSON of rejected entries, newest first
"""

import json
from datetime import UTC, datetime
from typing import Any

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.operations.rejected import Rejected

REJECTED = "quel:ingest:rejected"
_MOST_REJECTED = 1_000
_SHOWN_BYTES = 4_096
_TTL_S = 30 * 24 * 3600

# One script, so that an entry is neither lost nor pushed twice.
_TAKE_AWAY = """
if redis.call("LREM", KEYS[1], 1, ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= "" then redis.call("LPUSH", KEYS[2], ARGV[2]) end
return 1
"""


class RejectedEntries:
    """Keeps, reads and clears what was no job id, or the id of no job. Methods raise ServiceUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._take_away = client.register_script(_TAKE_AWAY)

    def keep(self, entry: bytes, *, source: str, reason: str) -> None:
        """Notes an entry with the reason; of a long one its beginning and length."""
        note = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "list": source,
            "reason": reason,
            "bytes": len(entry),
            "entry": entry[:_SHOWN_BYTES].decode("utf-8", "backslashreplace"),
        }
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.lpush(REJECTED, json.dumps(note))
            pipeline.ltrim(REJECTED, 0, _MOST_REJECTED - 1)
            pipeline.expire(REJECTED, _TTL_S)
            pipeline.execute()

    def entries(self) -> list[Rejected]:
        """All of them, the oldest first."""
        with redis_errors():
            notes = self._client.lrange(REJECTED, 0, -1)
        return [_rejected(note) for note in reversed(notes) if isinstance(note, bytes)]

    def push_again(self, rejected: Rejected, queue: str) -> bool:
        """Pushes the job's id on a raw list; False for what is no id, or was gone already."""
        return rejected.job_id is not None and self._move(rejected, queue, str(rejected.job_id))

    def drop(self, rejected: Rejected) -> bool:
        """Forgets an entry; False when it was gone already."""
        return self._move(rejected, REJECTED, "")

    def _move(self, rejected: Rejected, queue: str, entry: str) -> bool:
        with redis_errors():
            return bool(self._take_away(keys=[REJECTED, queue], args=[rejected.note, entry]))


def _rejected(note: bytes) -> Rejected:
    fields: dict[str, Any] = json.loads(note)
    return Rejected(fields["at"], fields["list"], fields["reason"], fields["bytes"], fields["entry"], note)
