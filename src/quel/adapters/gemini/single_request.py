"""Lets every call of the SDK send one request at most, and keeps its answer where the SDK cannot lose it.

google-genai may wrap, swallow or repeat what a request comes to, in any thread, and holds a picture several
times over while it reads it. So it is told of nothing: whatever came back, even nothing, it sees an empty
answer, and the true one waits beside it. A request belongs to a call by a header that is never sent.
"""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import uuid4

import httpx

from quel.adapters.gemini.error_answer import HttpAnswer
from quel.adapters.gemini.transport_error import judge_transport_error
from quel.core.outcome import Broken, Transient

_CALL = "x-quel-call"

Reply = HttpAnswer | Transient | Broken
Complete = Callable[[httpx.Request], httpx.Request]


class SingleRequestTransport(httpx.BaseTransport):
    """Thread-safe. Stands between the SDK's HTTP client and a `transport` with a deadline of `timeout_s`."""

    def __init__(self, transport: httpx.BaseTransport, timeout_s: float) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        # Taking a call out of it is the right to send its request.
        self._unsent: dict[str, tuple[Future[Reply], Complete]] = {}

    def reply_to(
        self, send: Callable[[dict[str, str]], object], complete: Complete = lambda request: request
    ) -> Reply:
        """What the first request that `send` makes came to; `send` hands its headers to the SDK.

        It is the same whatever `send` raises or returns. What has not been sent by then never is. `complete`
        makes of the SDK's request the one that is sent; where it raises ValueError, none is.
        """
        call, reply = uuid4().hex, Future[Reply]()
        self._unsent[call] = (reply, complete)
        raised = "no error"
        try:
            send({_CALL: call})
        except Exception as error:  # noqa: BLE001  the SDK lets anything through, and may quote the request
            raised = type(error).__name__
        finally:
            unsent = self._unsent.pop(call, None)
        if unsent is not None:
            return _not_sent(raised)
        return reply.result()  # at once, unless the SDK gave up on a thread of its own

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """An empty answer; a request that is not the first of a running call goes nowhere."""
        unsent = self._unsent.pop(request.headers.pop(_CALL, ""), None)
        if unsent is not None:
            reply, complete = unsent
            outcome: Reply = Transient("connection_broken", "The call to Gemini was interrupted.")
            try:
                outcome = self._exchange(request, complete)
            finally:
                reply.set_result(outcome)
        return httpx.Response(200, json={})

    def _exchange(self, request: httpx.Request, complete: Complete) -> Reply:
        try:
            completed = complete(request)
        except ValueError as error:
            return _not_sent(type(error).__name__)
        try:
            answer = self._transport.handle_request(completed)
        except httpx.TransportError as error:
            return judge_transport_error(error, self._timeout_s)
        headers = answer.headers
        return HttpAnswer(
            answer.status_code, answer.read(), headers.get("retry-after"), _written_at(headers.get("date"))
        )

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()


def _not_sent(raised: str) -> Broken:
    return Broken("not_sent", f"The request could not be sent to Gemini ({raised}).")


def _written_at(date: str | None) -> datetime:
    """The moment by the sender's own clock, which its other dates are meant by; else by ours."""
    try:
        written = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return written if written.tzinfo else written.replace(tzinfo=UTC)
