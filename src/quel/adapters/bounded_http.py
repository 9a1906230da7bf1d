"""HTTP calls that end: each is over at its deadline, and no answer is larger than its bound.

A call has one deadline (adapters/deadline.py) from waiting for a connection to the answer's last byte; the
answer is read whole, and counted, inside it. Calls wait for a connection in the order they came, and no other
thread touches the one they get. Redirects are not followed, compressed answers not asked for (one that comes
all the same is unpacked within the bound), and proxies or credentials of the environment not used.
"""

import io
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpcore
import httpx

from quel.adapters.deadline import DeadlineBackend, deadline
from quel.adapters.fair_pool import FairPool
from quel.adapters.gzipped import UnpackedTooLargeError, unpacked

_KEEPALIVE_S = 30.0
_HOSTS = 2  # Storage's API, and where public objects are read: a call to the other ends no idle connection


class DeadlineExceededError(httpx.TimeoutException):
    """The call was not over at its deadline."""


class AnswerTooLargeError(httpx.TransportError):
    """The answer is larger than its bound."""


class UnreadableAnswerError(httpx.RemoteProtocolError):
    """An answer came, packed in a way that cannot be undone."""


@cache
def tls_context() -> ssl.SSLContext:
    """What servers are known by, for all clients of the process: reading it costs some 25 ms."""
    return httpx.create_ssl_context()


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
        # One pool a call, not one for all: with more callers than connections, or two hosts, httpcore 1.0.9's
        # closes what it has just given to another thread, whose answer is lost or waited for to the deadline.
        self._pools = [
            httpcore.ConnectionPool(
                ssl_context=tls_context(),
                max_connections=_HOSTS,
                keepalive_expiry=_KEEPALIVE_S,
                network_backend=DeadlineBackend(),
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
        with deadline(self._timeout_s), _httpx_errors(), self._unused.borrow(self._timeout_s) as pool:
            return self._read_whole(pool.handle_request(core_request))

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
