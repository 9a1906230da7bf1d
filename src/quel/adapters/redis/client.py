"""Redis clients that outlast a restart of the server, and errors that tell nothing private."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import EqualJitterBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import AuthenticationError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from quel.core.errors import ServiceUnavailable

_DRIVER = DriverInfo()
"""What the server is told of the client: else each connection reads it from the installed package, 0.8 ms."""

_RETRIES = 50  # with at most 1 s between them: a restart or a failover of half a minute is waited out
_FEW_RETRIES = 4  # for callers that have something better to do than to wait


def connect(
    url: str,
    *,
    socket_timeout_s: float | None = None,
    connect_timeout_s: float = 5.0,
    patient: bool = True,
    retries: int = _FEW_RETRIES,
) -> redis.Redis:
    """A client of one Redis database. Nothing is sent until it is used.

    A `patient` client waits out a restart inside each command; the other one gives up within a second or
    two (after so many `retries`), or at the first answer that does not come within its timeout: 10 s, and 5 s
    for the impatient.
    """
    if socket_timeout_s is None:
        socket_timeout_s = 10.0 if patient else 5.0
    pauses = EqualJitterBackoff(cap=1, base=0.05)
    return redis.Redis.from_url(
        url,
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=connect_timeout_s,
        socket_keepalive=True,
        health_check_interval=30,
        driver_info=_DRIVER,
        retry=Retry(pauses, _RETRIES) if patient else Retry(pauses, retries, (RedisConnectionError,)),
        retry_on_error=[RedisTimeoutError, ReadOnlyError] if patient else [ReadOnlyError],
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns what redis-py raises into ServiceUnavailable, without its text: it may quote what was sent."""
    try:
        yield
    except RedisError as error:
        raise ServiceUnavailable(f"Redis cannot answer now ({_kind(error)}).") from None


def _kind(error: RedisError) -> str:
    """The error's name, or what is known to be behind it; where TLS failed, OpenSSL's word for how."""
    if isinstance(error, AuthenticationError):
        return "its password is refused or missing"
    if isinstance(error, ResponseError) and "db index" in str(error).lower():
        return "it has no database of that number"
    cause = error.__context__
    return f"TLS: {cause.reason}" if isinstance(cause, ssl.SSLError) else type(error).__name__
