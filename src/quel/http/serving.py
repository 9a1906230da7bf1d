"""Runs the app as a process: its address, its deadlines, its end within ten seconds of SIGTERM."""

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from prometheus_client import REGISTRY
from uvicorn.protocols.http.h11_impl import H11Protocol

from quel.core.errors import SettingsError
from quel.http.app import make_app
from quel.http.auth import Door, Tokens, is_loopback
from quel.http.limits import RequestRate
from quel.http.services import ACT_CONNECTIONS, READ_CONNECTIONS, READ_WITHIN_S, Api
from quel.http.streams import Streams
from quel.observe.counting import count
from quel.observe.events import Event, emit, subscribe
from quel.observe.health import Check, ready
from quel.observe.http_port import HttpPort
from quel.observe.logs import configure_logs
from quel.operations.job_progress import open_jobs, progress_of
from quel.operations.services import OperatorServices, ReadPool
from quel.settings import Settings

HEADERS_WITHIN_S = 10.0
_FINISH_WITHIN_S = 8
_KEEP_ALIVE_S = 75  # longer than a proxy in front keeps its idle connections
_MOST_HEADER_BYTES = 32 * 1024
_MOST_CONNECTIONS = 2_000
_STILL_AFTER_S = 30.0


def serve(settings: Settings) -> None:
    """Answers until SIGTERM or SIGINT.

    Raises SettingsError where others would reach it without a token, where the tokens file cannot be read,
    and where nothing can be listened to at the address.
    """
    settings.require("DATABASE_URL")
    _check_address(settings)
    services = OperatorServices(
        settings, threads=ACT_CONNECTIONS, read_pool=ReadPool(READ_CONNECTIONS, READ_WITHIN_S)
    )
    api = make_api(settings, services)
    configure_logs(settings.log_level, settings.log_format)
    subscribe(count)
    if settings.http_legacy == "open":
        emit(Event.LEGACY_OPEN)
    sockets = listen(settings.api_host, settings.api_port)
    try:
        with _health(settings, services, server := _Server(_config(api), api)):
            server.run(sockets)
    finally:
        services.close()


def make_api(settings: Settings, services: OperatorServices) -> Api:
    """What the routes share. Raises SettingsError for a tokens file that cannot be read."""
    tokens = Tokens(settings.api_tokens_file) if settings.api_tokens_file else None
    door = Door(tokens, legacy_is_open=settings.http_legacy == "open", origins=settings.api_origins)
    rate = RequestRate(lambda name: services.rate_limit.take(name), per_minute=settings.api_rate)
    streams = Streams(
        of=lambda job_ids: progress_of(services, job_ids),
        open_jobs=lambda followed: open_jobs(services, followed),
    )
    return Api(settings, services, door, rate, streams)


def _check_address(settings: Settings) -> None:
    if not settings.api_tokens_file and not is_loopback(settings.api_host):
        raise SettingsError(
            f"QUEL_API_TOKENS_FILE must be set: others reach {settings.api_host} (QUEL_API_HOST), and without"
            " tokens everybody would be an operator. `quel token new` makes one."
        )


def listen(host: str, port: int) -> list[socket.socket]:
    """Listens at every address of the host. Raises SettingsError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        listeners = [
            socket.create_server(address, family=family, backlog=2048)
            for family, address in {(each[0], each[4]) for each in found}
        ]
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SettingsError(
            f"QUEL_API_HOST and QUEL_API_PORT: {host} port {port} cannot be listened at ({why})."
        ) from None
    for listener in listeners:
        # asyncio sets it only where a socket says its protocol; without it a small answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listeners


def _config(api: Api) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(api),
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
    )


class _Protocol(H11Protocol):
    """A connection that is closed when a request's headers do not come in time."""

    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        if self._headers_due is None and self._is_idle():
            self._await_headers()
        super().data_received(data)
        if not self._is_idle():
            self._no_longer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_longer()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADERS_WITHIN_S, self._close)

    def _close(self) -> None:
        self._headers_due = None
        if self._is_idle():
            self.transport.close()

    def _no_longer(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None


class _Server(uvicorn.Server):
    """Uvicorn's server; `beat_at` is when its loop last turned."""

    def __init__(self, config: uvicorn.Config, api: Api) -> None:
        super().__init__(config)
        self._api = api
        self.beat_at = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        self.beat_at = time.monotonic()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams say goodbye first: nothing else would end them."""
        self._api.streams.close()
        await super().shutdown(sockets)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers until it is told to stop, and returns: uvicorn would raise the signal anew."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        emit(Event.PROCESS_STARTED, host=self._api.settings.api_host, port=self._api.settings.api_port)
        super().run(sockets)
        emit(Event.PROCESS_STOPPED)


@contextmanager
def _health(settings: Settings, services: OperatorServices, server: _Server) -> Iterator[None]:
    """/livez, /readyz and /metrics on the port of their own, where there is one."""
    pings = {
        "postgresql": lambda: services.job_backlog.ping(),
        "redis": lambda: services.ping_redis(),
        "broker": lambda: services.ping_broker(),
    }
    port = HttpPort(live=lambda: [_turning(server)], ready=lambda: ready(pings), metrics=lambda: REGISTRY)
    if settings.http_port is not None:
        port.open(settings.http_port)
    try:
        yield
    finally:
        port.close()


def _turning(server: _Server) -> Check:
    still_s = time.monotonic() - server.beat_at
    problem = f"Its loop has stood still for {still_s:.0f} s." if still_s > _STILL_AFTER_S else ""
    return Check("loop", ok=not problem, problem=problem)
