"""How much and how fast: requests a minute, bytes of a body, seconds it may take to come."""

import asyncio
import time
from collections.abc import Callable, Mapping

from starlette.types import Message, Receive

from quel.core.errors import ServiceUnavailable
from quel.core.operations.rate_limit import Allowance
from quel.http.problems import Problem
from quel.observe.events import Event, emit

_ASK_AGAIN_AFTER_S = 2.0


class RequestRate:
    """A token's requests a minute over all replicas; where Redis does not answer, every request goes on."""

    def __init__(self, take: Callable[[str], Allowance], *, per_minute: int) -> None:
        self._take, self._per_minute = take, per_minute
        self._ask_at = 0.0

    def admit(self, name: str) -> Mapping[str, str]:
        """The headers that tell what is left, none where it is not known. Raises Problem (429)."""
        if time.monotonic() < self._ask_at:
            emit(Event.RATE_UNCHECKED)
            return {}
        try:
            allowance = self._take(name)
        except ServiceUnavailable:
            self._ask_at = time.monotonic() + _ASK_AGAIN_AFTER_S  # so that an outage slows nobody down
            emit(Event.RATE_UNCHECKED)
            return {}
        wait_s = max(1, round(allowance.wait_s + 0.5))
        headers = {
            "RateLimit-Policy": f'"token";q={self._per_minute};w=60',
            "RateLimit": f'"token";r={allowance.left};t={0 if allowance.left else wait_s}',
        }
        if not allowance.granted:
            sentence = f"This token may ask {self._per_minute} times a minute: wait {wait_s} s."
            raise Problem(429, sentence, headers=headers | {"Retry-After": str(wait_s)})
        return headers


def bounded(receive: Receive, *, most_bytes: int, within_s: float) -> Receive:
    """The same messages, as long as the body stays within bytes and seconds. They raise Problem: 413, 408."""
    ends_at = time.monotonic() + within_s
    size, is_whole = 0, False

    async def next_message() -> Message:
        nonlocal size, is_whole
        if is_whole:
            return await receive()  # of a caller that hangs up, which may take as long as the answer
        try:
            message = await asyncio.wait_for(receive(), max(0.0, ends_at - time.monotonic()))
        except TimeoutError:
            words = f"The body did not come within {within_s:.0f} s."
            raise Problem(408, words, headers={"Connection": "close"}) from None
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > most_bytes:
            raise too_large(most_bytes)
        return message

    return next_message


def too_large(most_bytes: int) -> Problem:
    """The answer to a body beyond its bound."""
    words = f"The body may have {most_bytes:,} bytes."
    return Problem(413, words, headers={"Connection": "close"})
