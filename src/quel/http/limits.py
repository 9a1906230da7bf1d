"""How much and how fast: requests a minute, bytes of a body, seconds it may take to come, and its turn."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

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


class LargeBodies:
    """Turns of large bodies: so many at once, of which one caller never has the last.

    Whoever has its share waits for that without standing in the way of others.
    """

    def __init__(self, at_once: int) -> None:
        self.all = asyncio.Semaphore(at_once)
        self._share = max(1, at_once - 1)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def share_of(self, name: str) -> asyncio.Semaphore:
        """The caller's turns, kept for as long as somebody has or awaits one."""
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = asyncio.Semaphore(self._share)
        return share


@dataclass(frozen=True)
class Pace:
    """How fast a body must come, where its whole time is long: each `step_bytes` of it within `step_s`."""

    step_bytes: int
    step_s: float


def bounded(receive: Receive, *, most_bytes: int, within_s: float, pace: Pace | None = None) -> Receive:
    """The same messages, as long as the body stays within bytes, seconds and pace.

    They raise Problem: 413, 408.
    """
    pace = pace or Pace(most_bytes + 1, within_s)
    begun_at = step_at = time.monotonic()
    size, step_from, is_whole = 0, 0, False

    async def next_message() -> Message:
        nonlocal size, step_at, step_from, is_whole
        if is_whole:
            return await receive()  # of a caller that hangs up, which may take as long as the answer
        due_at = min(begun_at + within_s, step_at + pace.step_s)
        try:
            message = await asyncio.wait_for(receive(), max(0.0, due_at - time.monotonic()))
        except TimeoutError:
            raise _too_slow(within_s, pace) from None
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > most_bytes:
            raise too_large(most_bytes)
        if size - step_from >= pace.step_bytes:
            step_at, step_from = time.monotonic(), size
        return message

    return next_message


def _too_slow(within_s: float, pace: Pace) -> Problem:
    words = f"The body did not come within {within_s:.0f} s"
    if pace.step_s < within_s:
        words += f", or fewer than {pace.step_bytes:,} bytes of it within {pace.step_s:.0f} s"
    return Problem(408, f"{words}.", headers={"Connection": "close"})


def too_large(most_bytes: int) -> Problem:
    """The answer to a body beyond its bound."""
    words = f"The body may have {most_bytes:,} bytes."
    return Problem(413, words, headers={"Connection": "close"})
