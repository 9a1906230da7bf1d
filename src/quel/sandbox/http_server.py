"""A small HTTP/1.1 server on loopback, a thread a connection, that can also deliver its answers badly.

An application turns a `Request` into a `Reply`; how the reply reaches the client, whole or in one of the
ways networks and servers fail, is decided by the reply's `delivery` and happens here.
"""

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

GONE_CHECK_S = 0.2
FILLER = b"A" * 65536
WAITING_CONNECTIONS = 256


@dataclass(frozen=True)
class Request:
    """One request: `target` as it came, `path` percent-decoded with `.` and `..` resolved as gateways do.

    Empty segments stay: Storage makes objects whose names hold `//`.
    """

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


class Delivery(StrEnum):
    """How a reply leaves the server."""

    WHOLE = "whole"
    CUT_BEFORE = "cut_before"
    CUT_DURING = "cut_during"
    DRIBBLE = "dribble"
    HANG = "hang"
    ENORMOUS = "enormous"
    ENDLESS = "endless"
    RAW = "raw"


@dataclass(frozen=True)
class Reply:
    """An answer and the way it is delivered; `finished` is called when the last byte has left or cannot."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0
    pace_s: float = 0.0
    size_bytes: int = 0
    finished: Callable[[], None] | None = None

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> "Reply":
        """A reply whose body is `value` as JSON."""
        return cls(status, json.dumps(value).encode())

    def head(self, length: int | None) -> bytes:
        """Status line and headers. Without a length the body ends with the connection."""
        phrase = responses.get(self.status, "Unknown")
        ending = ("Connection", "close") if length is None else ("Content-Length", str(length))
        lines = [
            f"{name}: {text}" for name, text in (("Content-Type", self.content_type), ending, *self.headers)
        ]
        return "\r\n".join([f"HTTP/1.1 {self.status} {phrase}", *lines, "", ""]).encode("latin-1")


class Application(Protocol):
    """What a server serves."""

    def answer(self, request: Request) -> Reply:
        """One request's reply; called by many threads at once."""


class LoopbackServer(ThreadingHTTPServer):
    """Serves one application on a free port of 127.0.0.1 until closed, whatever its connections are doing.

    With `reads_every_s` it takes the bodies of requests slowly: 64 KB, then that pause.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = WAITING_CONNECTIONS

    def __init__(self, application: Application, *, reads_every_s: float = 0.0) -> None:
        self.application = application
        self.reads_every_s = reads_every_s
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        """Serves in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(GONE_CHECK_S,), daemon=True).start()

    def close(self) -> None:
        """Stops serving and ends every connection, those that hang included."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            _shut(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection, so that `close` can end it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection: reads requests and delivers replies until either side ends it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True  # clients hang up on bad answers: that is what those are for

    def serve(self) -> None:
        request = self._read()
        reply = self.server.application.answer(request) if request else LENGTH_REQUIRED
        try:
            self._deliver(reply)
        finally:
            if reply.finished:
                reply.finished()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 - the base class looks these up

    def log_message(self, *_: Any) -> None:
        """Nothing: the simulators keep a log of their own."""

    def _read(self) -> Request | None:
        length = int(self.headers.get("Content-Length") or 0)
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return None
        parts = urlsplit(self.path)
        path = _resolved("/" + unquote(parts.path).lstrip("/"))
        body = self._body(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client hung up within its request")
        return Request(self.command, self.path, path, dict(parse_qsl(parts.query)), self.headers, body)

    def _body(self, length: int) -> bytes:
        pause_s = self.server.reads_every_s
        if not pause_s:
            return self.rfile.read(length)
        body = bytearray()
        while len(body) < length and not self._wait(pause_s):
            body += self.rfile.read(min(len(FILLER), length - len(body)))
        return bytes(body)

    def _deliver(self, reply: Reply) -> None:
        if reply.delay_s and self._wait(reply.delay_s):
            return
        if reply.delivery is Delivery.WHOLE:
            body = b"" if self.command == "HEAD" else reply.body
            self._send(reply.head(len(reply.body)), body)
            return
        self.close_connection = True
        for piece in _pieces(reply):
            self._send(piece)
            if reply.pace_s and self._wait(reply.pace_s):
                return
        if reply.delivery is Delivery.HANG:
            self._wait(math.inf)

    def _send(self, head: bytes, body: bytes = b"") -> None:
        if len(body) < len(FILLER):
            self.connection.sendall(head + body)
        else:  # two calls are cheaper than copying a picture
            self.connection.sendall(head)
            self.connection.sendall(body)

    def _wait(self, duration_s: float) -> bool:
        """Waits; True when client or server ended it first."""
        deadline = time.monotonic() + duration_s
        while (left_s := deadline - time.monotonic()) > 0:
            if self.server.closing.wait(min(GONE_CHECK_S, left_s)) or _has_hung_up(self.connection):
                self.close_connection = True
                return True
        return False


LENGTH_REQUIRED = Reply(411, b"The sandbox takes bodies with a Content-Length only.", "text/plain")


def _pieces(reply: Reply) -> Iterator[bytes]:
    """What is sent before the connection is closed, for every delivery but a whole one."""
    half = reply.body[: len(reply.body) // 2]
    if reply.delivery is Delivery.CUT_DURING:
        yield reply.head(len(reply.body)) + half
    elif reply.delivery is Delivery.DRIBBLE:
        yield reply.head(len(reply.body))
        yield from _bytes(reply.body)
    elif reply.delivery is Delivery.RAW:
        yield from _bytes(reply.body) if reply.pace_s else [reply.body]
    elif reply.delivery is Delivery.ENORMOUS:
        yield reply.head(reply.size_bytes) + half[: reply.size_bytes]
        missing = max(0, reply.size_bytes - len(half))
        yield from repeat(FILLER, missing // len(FILLER))
        yield FILLER[: missing % len(FILLER)]
    elif reply.delivery is Delivery.ENDLESS:
        yield reply.head(None) + half
        yield from repeat(FILLER)


def _bytes(body: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in body)


def _has_hung_up(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()


def _resolved(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1] or [""]
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments) or "/"
