"""HTTP calls that end: each is over at its deadline, and no answer is larger than its bound.

httpx's timeouts hold for one socket operation, so a server that sends a byte a second outlives them. Here a
call has one deadline from waiting for a connection to the answer's last byte, looked at before every socket
operation; the answer is read whole, and counted, inside it. Only the operating system's name resolution
keeps its own time. Calls wait for a connection in the order they came, and no other thread touches the one
they get. Redirects are not followed, compressed answers not asked for (one that comes all the same is
unpacked within the bound), and proxies or credentials of the environment not used.
"""

import io
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from quel.adapters.fair_pool import FairPool
from quel.adapters.gzipped import UnpackedTooLargeError, unpacked

_LONGEST_CONNECT_S = 10.0  # an address that has not answered by then is given up for the next one
_KEEPALIVE_S = 30.0
_HOSTS = 2  # Storage's API, and where public objects are read: a call to the other ends no idle connection

_ends_at: ContextVar[float] = ContextVar("ends_at")  # on the monotonic clock, of this thread's current call


class DeadlineExceededError(httpx.TimeoutException):
    """The call was not over at its deadline."""


class AnswerTooLargeError(httpx.TransportError):
    """The answer is larger than its bound."""


class UnreadableAnswerError(httpx.RemoteProtocolError):
    """An answer came, packed in a way that cannot be undone."""


def bounded_client(*, timeout_s: float, max_answer_bytes: int, max_connections: int) -> httpx.Client:
    """A thread-safe client for one process, made after the fork and closed by its owner.

    `timeout_s` is the deadline of a call, `max_connections` how many run at once (the next one waits for its
    turn, within its own deadline). Calls raise httpx.TransportError: its subclasses above, ConnectError,
    NetworkError or ProtocolError. httpx hangs the request, with its credentials, on what it raises: such an
    exception is read where it is caught, never kept or logged.
    """
    transport = BoundedTransport(timeout_s, max_answer_bytes, max_connections)
    return httpx.Client(transport=transport, follow_redirects=False, trust_env=False)


class BoundedTransport(httpx.BaseTransport):
    """Sends one request and reads its whole answer before the deadline."""

    def __init__(self, timeout_s: float, max_answer_bytes: int, max_connections: int) -> None:
        self._timeout_s = timeout_s
        self._max_answer_bytes = max_answer_bytes
        ssl_context = httpx.create_ssl_context()
        # One pool a call, not one for all: with more callers than connections, or two hosts, httpcore 1.0.9's
        # closes what it has just given to another thread, whose answer is lost or waited for to the deadline.
        self._pools = [
            httpcore.ConnectionPool(
                ssl_context=ssl_context,
                max_connections=_HOSTS,
                keepalive_expiry=_KEEPALIVE_S,
                network_backend=_DeadlineBackend(),
            )
            for _ in range(max_connections)
        ]
        self._unused = FairPool(self._pools)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, read whole. Raises httpx.TransportError."""
        request.headers["accept-encoding"] = "identity"
        url = request.url
        core_request = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": {"pool": self._timeout_s}},
        )
        token = _ends_at.set(time.monotonic() + self._timeout_s)
        try:
            with _httpx_errors(), self._unused.borrow(self._timeout_s) as pool:
                return self._read_whole(pool.handle_request(core_request))
        finally:
            _ends_at.reset(token)

    def _read_whole(self, answer: httpcore.Response) -> httpx.Response:
        try:
            headers = httpx.Headers(answer.headers)
            body = self._body(answer)
        finally:
            answer.close()
        body = self._unpacked(body, headers.pop("content-encoding", ""))
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(body))

    def _unpacked(self, body: bytes, encodings: str) -> bytes:
        """The body before it was packed, by the encodings that the header names in the order of packing."""
        try:
            for encoding in reversed(encodings.lower().split(",")):
                body = unpacked(body, encoding.strip(), self._max_answer_bytes)
        except UnpackedTooLargeError:
            raise AnswerTooLargeError(
                f"The answer is larger than {self._max_answer_bytes} bytes, unpacked."
            ) from None
        except ValueError:
            raise UnreadableAnswerError("The answer is packed, and cannot be unpacked.") from None
        return body

    def _body(self, answer: httpcore.Response) -> bytes:
        buffer = io.BytesIO()  # hands out what it holds without a copy
        for chunk in answer.iter_stream():
            if buffer.tell() + len(chunk) > self._max_answer_bytes:
                raise AnswerTooLargeError(f"The answer is larger than {self._max_answer_bytes} bytes.")
            buffer.write(chunk)
        return buffer.getvalue()

    def close(self) -> None:
        """Closes every connection."""
        for pool in self._pools:
            pool.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Speaks httpx outwards, in words of its own: httpcore's may quote a header."""
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError):
        raise DeadlineExceededError("The call was not over at its deadline.") from None
    except httpcore.ConnectError:
        raise httpx.ConnectError("No connection could be made.") from None
    except httpcore.NetworkError:
        raise httpx.ReadError("The connection broke.") from None
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
        raise httpx.RemoteProtocolError("The answer is no HTTP, or ended too early.") from None


def _left_s(timeout_error: type[httpcore.TimeoutException]) -> float:
    left_s = _ends_at.get() - time.monotonic()
    if left_s <= 0:
        raise timeout_error
    return left_s


class _DeadlineBackend(httpcore.SyncBackend):
    """Connects within the deadline, an address after the other."""

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
        for address in _addresses(host, port):
            timeout_s = min(_LONGEST_CONNECT_S, _left_s(httpcore.ConnectTimeout))
            try:
                stream = super().connect_tcp(address, port, timeout_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                error = refused
            else:
                return _DeadlineStream(stream)
        raise error


def _addresses(host: str, port: int) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError:
        raise httpcore.ConnectError from None


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
