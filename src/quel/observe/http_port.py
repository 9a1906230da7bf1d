"""One port a command: /livez, /readyz and /metrics, served by a thread that nothing else waits for.

Of several processes the first gets the port and speaks for all; the others go on without. Who connects and
says nothing, or asks faster than is answered, takes a few threads at most and keeps no probe from its answer.
"""

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer as Server
from threading import BoundedSemaphore, Lock
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from quel.observe.events import Event, emit
from quel.observe.health import Check, as_lines

_SOCKET_TIMEOUT_S = 10
_MOST_AT_ONCE = 8  # connections, a thread each: a few probes and scrapes; then the oldest one is ended
_FREED_WITHIN_S = 1.0


class HttpPort:
    """What the port tells. The callables are asked anew for each request."""

    def __init__(
        self,
        *,
        live: Callable[[], list[Check]],
        ready: Callable[[], list[Check]],
        metrics: Callable[[], CollectorRegistry],
    ) -> None:
        self._live, self._ready, self._metrics = live, ready, metrics
        self._server: Server | None = None

    def open(self, port: int) -> bool:
        """Listens on all addresses; False, and a line in the log, when the port is taken."""
        try:
            self._server = _DualStackServer(port, self._handler())
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            emit(Event.HTTP_PORT_TAKEN, port=port, reason="in use" if taken else str(error.strerror))
            return False
        threading.Thread(target=self._server.serve_forever, name="http-port", daemon=True).start()
        emit(Event.HTTP_PORT_OPENED, port=port)
        return True

    def close(self) -> None:
        """Stops listening; harmless twice."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/livez":
                return _answer(self._live())
            case "/readyz":
                return _answer(self._ready())
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(self._metrics())
            case _:
                return 404, "text/plain", b"There are /livez, /readyz and /metrics.\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            timeout = _SOCKET_TIMEOUT_S

            def do_GET(self) -> None:
                status, content_type, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """A probe every few seconds is nothing to log."""

        return Handler


def _answer(checks: list[Check]) -> tuple[int, str, bytes]:
    status = 200 if all(check.ok for check in checks) else 503
    return status, "application/json-lines", as_lines(checks).encode()


class _DualStackServer(Server):
    """Listens on IPv6 and IPv4 alike, and asks no name server for the machine's name as its parent does."""

    daemon_threads = True

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("", port), handler, bind_and_activate=False)
        self.socket.close()
        if socket.has_dualstack_ipv6():
            self.socket = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            self.socket = socket.create_server(("", port))
        self._free = BoundedSemaphore(_MOST_AT_ONCE)
        self._open: dict[Any, None] = {}  # connections, the oldest first
        self._lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread of its own while there are few, else in place of the oldest."""
        if not self._free.acquire(blocking=False):
            self._end_the_oldest()
            if not self._free.acquire(timeout=_FREED_WITHIN_S):
                super().shutdown_request(request)
                return
        with self._lock:
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection that was served."""
        super().shutdown_request(request)
        with self._lock:
            was_open = request in self._open
            self._open.pop(request, None)
        if was_open:
            self._free.release()

    def _end_the_oldest(self) -> None:
        with self._lock, suppress(OSError):
            if self._open:
                next(iter(self._open)).shutdown(socket.SHUT_RDWR)  # its thread finds the end and goes
