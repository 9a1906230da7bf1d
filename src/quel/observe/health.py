"""Alive and ready, decided from what was seen: an outage of a neighbour makes no process count as dead.

Alive: every process of the command saw its consumers move lately and has all its worker threads. While Redis
is away consumers cannot move, and that is no reason to restart them; so only silence while Redis answers
counts. Ready: the neighbours answer now.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict, dataclass

from quel.core.errors import QuelError

SILENT_AFTER_S = 120.0
"""Consumers look for messages every second; two minutes without a look is a standstill, if Redis answers."""

HEARTBEAT_AFTER_S = 60.0
"""A process notes its heartbeat every five seconds."""

_ANSWER_WITHIN_S = 3.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: well or not, with a sentence where it is not."""

    check: str
    ok: bool
    problem: str = ""


class Consumers:
    """Whether this process's consumers move, given when they last did and whether Redis answers."""

    def __init__(self) -> None:
        self._redis_back_at: float | None = None

    def move(self, *, now_s: float, moved_at_s: float, redis_answers: bool) -> bool:
        """False once they were silent for SILENT_AFTER_S in which Redis answered throughout."""
        if not redis_answers:
            self._redis_back_at = None
            return True
        if self._redis_back_at is None:
            self._redis_back_at = now_s
        return now_s - max(moved_at_s, self._redis_back_at) < SILENT_AFTER_S


def alive(*, now_s: float, heartbeats_s: Mapping[str, float], wanted: float, living: float) -> list[Check]:
    """The checks of a command: `heartbeats_s` by process id, worker threads wanted and living."""
    checks = [
        Check(f"process {pid}", ok=now_s - beat < HEARTBEAT_AFTER_S, problem=_silent(now_s - beat))
        for pid, beat in sorted(heartbeats_s.items())
    ]
    problem = f"{wanted - living:.0f} of {wanted:.0f} worker threads have died." if living < wanted else ""
    return [*checks, Check("worker threads", ok=not problem, problem=problem)]


def _silent(silent_s: float) -> str:
    if silent_s < HEARTBEAT_AFTER_S:
        return ""
    return f"Its consumers have not moved for {silent_s:.0f} s although Redis answers."


def ready(pings: Mapping[str, Callable[[], object]]) -> list[Check]:
    """Asks every neighbour at once, and waits three seconds for their answers. Pings may raise QuelError."""
    pool = ThreadPoolExecutor(max(len(pings), 1), thread_name_prefix="ready")
    asked = {name: pool.submit(ping) for name, ping in pings.items()}
    pool.shutdown(wait=False)
    until = time.monotonic() + _ANSWER_WITHIN_S
    return [_answer(name, future, until - time.monotonic()) for name, future in asked.items()]


def _answer(name: str, future: Future[object], timeout_s: float) -> Check:
    try:
        future.result(max(timeout_s, 0))
    except FutureTimeoutError:
        return Check(name, ok=False, problem=f"It did not answer within {_ANSWER_WITHIN_S:.0f} s.")
    except QuelError as error:
        return Check(name, ok=False, problem=str(error))
    return Check(name, ok=True)


def as_lines(checks: Iterable[Check]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(asdict(check)) + "\n" for check in checks)
