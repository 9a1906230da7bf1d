"""How much room Redis has left, asked before bytes are sent: a server that quel fills stops everybody.

At its `maxmemory` it refuses acknowledgements and the front end's pushes. Pictures on their way in count as
well, so whoever sends some asks with a few bytes first, and is counted until they have come.

quel:room:asked   zset: see room.lua
"""

import time
from pathlib import Path
from uuid import uuid4

import redis

from quel.adapters.redis.client import redis_errors
from quel.core.redis_room import WIDE

ASKED = "quel:room:asked"
_LIFETIME_MS = 30_000  # of a word that nobody made true: the sender has died
_LOOK_EVERY_S = 1.0
_ROOM = Path(__file__).parent
FREE_ROOM = (_ROOM / "free_room.lua").read_text(encoding="utf-8")
"""What a script needs in front of it to call `free_reserves`."""


class Room:
    """Asks and looks; amounts to stay free are in reserves (core/redis_room.py). May raise
    ServiceUnavailable.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._looked_at = -_LOOK_EVERY_S
        self._is_wide = False
        self._script = client.register_script(FREE_ROOM + (_ROOM / "room.lua").read_text(encoding="utf-8"))

    def ask(self, size_bytes: int, *, leaving: float) -> str | None:
        """The asker's entry in ASKED, which goes when the bytes have come; None where there is no room."""
        token = uuid4().hex
        return f"{token}:{size_bytes}" if self._asks(token, size_bytes, leaving) else None

    def has(self, *, leaving: float) -> bool:
        """Whether so much is free now."""
        return self._asks("", 0, leaving)

    def is_wide(self) -> bool:
        """Whether a few pictures more or less are nothing to the server; looked at once a second."""
        now = time.monotonic()
        if now >= self._looked_at + _LOOK_EVERY_S:
            self._is_wide = self.has(leaving=WIDE)
            self._looked_at = now
        return self._is_wide

    def _asks(self, token: str, size_bytes: int, leaving: float) -> bool:
        with redis_errors():
            return bool(self._script(keys=[ASKED], args=[token, size_bytes, leaving, _LIFETIME_MS]))
