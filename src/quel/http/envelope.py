"""What every answer has, whatever route it is of: an id, security headers, a log line, and no traceback."""

import re
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quel.http import problems
from quel.observe.events import Event, emit
from quel.observe.logs import log_context

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GONE = 499  # nginx's word for a caller that hung up
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Envelope:
    """The outermost layer of the app.

    Puts into the request's state: `request_id`, and `headers` that go out with the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; the caller's X-Request-Id holds where it is a plain one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        state = scope.setdefault("state", {})
        state["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        state["headers"] = {}
        told = _Told(scope, send)
        with log_context(request_id=state["request_id"]):
            try:
                await self._app(scope, receive, told.send)
            except ClientDisconnect:
                told.status = _GONE
            except Exception as error:  # noqa: BLE001 - its text may hold what was sent: only its kind is told
                emit(Event.REQUEST_FAILED, error=type(error).__name__, where=_place(error))
                if not told.status:
                    answer = problems.answer(Request(scope), problems.unforeseen())
                    await answer(scope, receive, told.send)
            finally:
                told.emit()


class _Told:
    """What is told of one request: headers to the caller, a line to the log."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._began_at = time.monotonic()
        self.status = 0

    async def send(self, message: Message) -> None:
        """Passes a message on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            state = self._scope["state"]
            headers = MutableHeaders(scope=message)
            for name, value in (_HEADERS | state["headers"]).items():
                headers.setdefault(name, value)
            headers["X-Request-Id"] = state["request_id"]
        await self._send(message)

    def emit(self) -> None:
        """The line in the log: the route and never the address, which may hold what people search for."""
        caller = self._scope["state"].get("caller")
        emit(
            Event.REQUEST_ANSWERED,
            method=self._scope["method"],
            route=route_of(self._scope),
            status=self.status or _GONE,
            seconds=round(time.monotonic() - self._began_at, 4),
            caller=caller.name if caller else None,
        )


def route_of(scope: MutableMapping[str, Any]) -> str:
    """The route's own path with its placeholders, `none` where no route fits."""
    return str(scope["state"].get("route", "none"))


def _place(error: BaseException) -> str:
    """The file and line that raised, as far as they are known."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown"
    return f"{traceback.tb_frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno}"
