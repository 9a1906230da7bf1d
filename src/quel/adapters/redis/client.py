"""Redis clients that outlast a restart of the server, and errors that tell nothing private."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import EqualJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from quel.core.errors import NeighbourDown

_RETRIES = 50  # with at most 1 s between them: a restart or a failover of half a minute is waited out
_FEW_RETRIES = 4  # for callers that have something better to do than to wait


def connect(url: str, *, socket_timeout_s: float = 10.0, patient: bool = True) -> redis.Redis:
    """A client of one Redis database. Nothing is sent until it is used.

    A `patient` client waits out a restart inside each command; the other one gives up within a second
    or two.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=30,
        retry=Retry(EqualJitterBackoff(cap=1, base=0.05), _RETRIES if patient else _FEW_RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, ReadOnlyError],
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns what redis-py raises into NeighbourDown, without its text: it may quote what was sent."""
    try:
        yield
    except RedisError as error:
        raise NeighbourDown(f"Redis cannot answer now ({type(error).__name__}).") from None
