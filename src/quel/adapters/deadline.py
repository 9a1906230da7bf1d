"""One deadline for everything a call does on the network, looked at before every socket operation.

httpx's and httpcore's own timeouts hold for one operation, so a server that sends a byte a second outlives
them. Only the operating system's name resolution keeps its own time.
"""

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import httpcore

_LONGEST_CONNECT_S = 10.0  # an address that has not answered by then is given up for the next one

_ends_at: ContextVar[float] = ContextVar("ends_at")  # on the monotonic clock, of this thread's current call


@contextmanager
def deadline(timeout_s: float) -> Iterator[None]:
    """Ends what this thread does through a DeadlineBackend after so many seconds."""
    token = _ends_at.set(time.monotonic() + timeout_s)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left_s(timeout_error: type[httpcore.TimeoutException]) -> float:
    left_s = _ends_at.get() - time.monotonic()
    if left_s <= 0:
        raise timeout_error
    return left_s


def resolved(host: str, port: int) -> list[str]:
    """The IP addresses of a host in the order to try them in. Raises httpcore.ConnectError."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise httpcore.ConnectError from None


class DeadlineBackend(httpcore.SyncBackend):
    """Connects within the deadline, an address after the other of those that `addresses` tells of a host."""

    def __init__(self, addresses: Callable[[str, int], Sequence[str]] = resolved) -> None:
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the deadline of the call takes its place
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connected stream. Raises httpcore.ConnectError or ConnectTimeout."""
        error: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError()
        for address in self._addresses(host, port):
            timeout_s = min(_LONGEST_CONNECT_S, _left_s(httpcore.ConnectTimeout))
            try:
                stream = super().connect_tcp(address, port, timeout_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                error = refused
            else:
                return _DeadlineStream(stream)
        raise error


class _DeadlineStream(httpcore.NetworkStream):
    """A connection of which every operation gets only the time the current call has left."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  as above
        return self._stream.read(max_bytes, _left_s(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  as above
        # httpcore's own loop grants the whole timeout to every partial send: a slow reader would outlive it.
        connection = self._stream.get_extra_info("socket")
        unsent = memoryview(buffer)
        while unsent:
            left_s = _left_s(httpcore.WriteTimeout)
            try:
                connection.settimeout(left_s)
                unsent = unsent[connection.send(unsent) :]
            except TimeoutError:
                raise httpcore.WriteTimeout from None
            except OSError:
                raise httpcore.WriteError from None

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  as above
    ) -> httpcore.NetworkStream:
        left_s = _left_s(httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
