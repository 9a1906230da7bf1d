"""`python -m tests.fuzz.connection_strings`: addresses as nobody should write them.

Whatever stands in DATABASE_URL, REDIS_URL, the parts of a Redis address or a stored path: it is read, or
refused with a sentence that names the variable and quotes neither password nor token; no other exception
leaves.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

import redis
from sqlalchemy.engine import make_url

from quel.adapters.postgres.url import sqlalchemy_url
from quel.core.errors import SettingsError
from quel.core.object_key import UnsafePathError, logged_key, shown_name
from quel.core.redis_url import with_database
from quel.core.stored_path import Bucket, reference_keys
from quel.environment import read_settings
from tests.fuzz.runner import refusal_of, run

SECRET = "hunter2secret"
_BUCKET = Bucket(
    "attachments", "https://p.supabase.co", "https://p.supabase.co/storage/v1/object/public/attachments"
)

_DATABASES = (
    f"postgresql://postgres.ref:{SECRET}@aws-0-eu.pooler.supabase.com:6543/postgres?pgbouncer=true",
    f"postgres://me:{SECRET}@db.ref.supabase.co:5432/postgres?sslmode=require&supa=base-pooler.x",
    f"postgresql://me:{SECRET}@[::1]:5432/quel",
    f"postgresql://me:{SECRET}@one:5432,two:5433/quel?target_session_attrs=read-write",
    f"postgresql:///quel?host=/var/run/postgresql&user=me&password={SECRET}",
)
_REDISES = (
    f"redis://default:{SECRET}@redis.example:6379/0",
    f"rediss://:{SECRET}@redis.example:6380?ssl_cert_reqs=required",
    f"unix:///var/run/redis.sock?db=2&password={SECRET}",
    f"redis://:{SECRET}@[2001:db8::1]:6379/1?socket_timeout=3",
)
_PATHS = (
    f"https://p.supabase.co/storage/v1/object/sign/attachments/a/b.png?token={SECRET}",
    f"/storage/v1/render/image/sign/attachments/a%20b.png?token={SECRET}&width=3",
    f"attachments/uploads/x.png?token={SECRET}",
    f"//p.supabase.co/storage/v1/object/public/attachments//x.png#{SECRET}",
)
_SIGNS = (
    *("#", "/", "?", "[", "]", "@", ":", "%", "%zz", "%00", "&", "=", ",", " ", "\n", "\x00", "\u202e", "한"),
    *("\ud800", "..", "//", "9" * 40, "-1", "://", "?x=1", "&colour=red", "?db=x", ":99999", "[::", "%25"),
)


class ConnectionStrings:
    """Strings decided by dice; `seen` counts how each was read."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.seen: Counter[str] = Counter()
        self._readers: tuple[Callable[[random.Random], None], ...] = (
            self._database, self._redis, self._parts, self._path,
        )  # fmt: skip

    def live(self, number: int) -> None:
        """One string. Raises AssertionError, or what left the reader."""
        dice = random.Random(f"{self._seed}:{number}")
        dice.choice(self._readers)(dice)

    def close(self) -> None:
        """Holds nothing."""

    def _database(self, dice: random.Random) -> None:
        dsn = _mangled(dice, dice.choice(_DATABASES))
        self._refused(
            "DATABASE_URL",
            lambda: make_url(sqlalchemy_url(read_settings({"DATABASE_URL": dsn}).database_url)),
        )

    def _redis(self, dice: random.Random) -> None:
        url = _mangled(dice, dice.choice(_REDISES))
        self._settings({"REDIS_URL": url, "QUEL_BROKER_REDIS_URL": dice.choice(["", url])})

    def _parts(self, dice: random.Random) -> None:
        host = dice.choice(["redis.example", "127.0.0.1", "::1", "/run/redis.sock", "[::1]"])
        parts = {
            "REDIS_HOST": _mangled(dice, host),
            "REDIS_PORT": dice.choice(["6379", "0", "x", "-1", "99999", "6379 "]),
            "REDIS_USERNAME": dice.choice(["", "me", "m:e@"]),
            "REDIS_PASSWORD": dice.choice(["", SECRET, _mangled(dice, SECRET)]),
            "REDIS_USE_TLS": dice.choice(["", "true", "false", "maybe"]),
        }
        self._settings(parts)

    def _settings(self, environment: dict[str, str]) -> None:
        def read() -> None:
            settings = read_settings(environment)
            for url in (settings.redis, settings.broker_redis, with_database(settings.redis, 3)):
                redis.ConnectionPool.from_url(url)

        self._refused("REDIS", read)

    def _path(self, dice: random.Random) -> None:
        path = _mangled(dice, dice.choice(_PATHS))
        keys: list[str] = []
        problem = refusal_of(lambda: keys.extend(reference_keys(path, _BUCKET)), UnsafePathError)
        self.seen["path refused" if problem else "path read"] += 1
        assert SECRET not in (problem or ""), problem
        assert all(".." not in key.split("/") for key in keys), keys
        for said in (shown_name(path), logged_key(path)):
            before_query = unquote(path.split("?")[0].split("#")[0])
            in_the_name = SECRET in "".join(sign for sign in before_query if sign.isprintable())
            assert in_the_name or SECRET not in said, (path, said)

    def _refused(self, variable: str, read: Callable[[], object]) -> bool:
        refusal = refusal_of(read, SettingsError)
        self.seen[f"{variable} {'refused' if refusal else 'read'}"] += 1
        if refusal is not None:
            assert SECRET not in refusal, refusal
            assert variable in refusal, refusal
        return refusal is not None


def _mangled(dice: random.Random, text: str) -> str:
    for _ in range(dice.choice([0, 1, 1, 2, 5])):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(_SIGNS) + text[at + dice.choice([0, 0, 1, 3]) :]
    return text if dice.random() < 0.9 else text[: dice.randrange(len(text) + 1)]


if __name__ == "__main__":
    sys.exit(run("connection_strings", ConnectionStrings))
