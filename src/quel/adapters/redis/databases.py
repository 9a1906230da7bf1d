"""Whether Redis servers have the databases that quel is told to use: what they lack, no waiting brings.

A server that does not answer now is another matter: it is waited for.
"""

from collections.abc import Mapping

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from quel.adapters.redis.tls_mismatch import tls_mismatch
from quel.core.errors import SettingsError
from quel.core.redis_url import with_database

_TIMEOUT_S = 2.0


def check_databases(urls: Mapping[str, str]) -> None:
    """Asks each server once whether it has the database of its URL; `urls` is by variable.

    Raises SettingsError naming the variable whose server answers and has no such database, speaks TLS where
    the URL has none or the other way round, or runs in cluster mode: there BLMOVE between two lists,
    transactions and scripts fail, which quel is built on.
    """
    for variable, url in urls.items():
        problem = _problem(url)
        if problem:
            raise SettingsError(f"{variable} {problem}")


def _problem(url: str) -> str | None:
    number = int(redis.ConnectionPool.from_url(url).connection_kwargs.get("db") or 0)
    # Database 0 is entered without a word, so that what is refused is the database and not the login.
    client = redis.Redis.from_url(
        with_database(url, 0),
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
        refusal = _refusal(client, number)
        client.ping()  # a server that is busy with a script refuses everything, and only for now
        in_cluster = "cluster" in refusal.lower() or _runs_as_cluster(client)
    except ResponseError:
        return None
    except RedisError:
        return tls_mismatch(url)
    finally:
        client.close()
    if in_cluster:
        return (
            "means a Redis server in cluster mode, where commands on several keys fail:"
            " REDIS_URL and QUEL_BROKER_REDIS_URL must name a server without it."
        )
    if refusal:
        return (
            f"means database {number}, which its Redis server does not have: set it to one that is there."
            " Where there is only one, QUEL_BROKER_REDIS_URL may be the same as REDIS_URL; unset it means"
            " database 1."
        )
    return None


def _refusal(client: redis.Redis, number: int) -> str:
    """What the server has against the database; empty where nothing."""
    if number == 0:
        return ""
    try:
        client.select(number)
    except ResponseError as error:
        return str(error)
    return ""


def _runs_as_cluster(client: redis.Redis) -> bool:
    try:
        return bool(client.info("cluster").get("cluster_enabled"))
    except ResponseError:
        return False  # kept back by a managed service
