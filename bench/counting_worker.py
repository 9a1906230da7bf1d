"""`dramatiq bench.counting_worker`: quel's own workers, which also count what they ask of their neighbours.

Every statement, transaction, Redis command and HTTP request is counted under the actor it was made for, and
written to QUEL_BENCH_COUNTS/{pid}.json when the worker ends.
"""

import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dramatiq
import httpx
import redis.connection
from dramatiq.worker import ConsumerThread
from sqlalchemy import Engine, event
from structlog.contextvars import get_contextvars

from quel.actors import broker
from quel.adapters.bounded_http import BoundedTransport
from quel.adapters.redis.quota import GeminiQuota
from quel.core.quota import Slot

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def _count(what: str, who: str | None = None, number: int = 1) -> None:
    who = who or get_contextvars().get("actor") or _thread()
    with _lock:
        _counts[f"{who} {what}"] += number


def _thread() -> str:
    return "consumer" if isinstance(threading.current_thread(), ConsumerThread) else "background"


def _count_sql() -> None:
    # One statement each: the timeouts that travel in front of the first are settings, not statements.
    event.listen(Engine, "before_cursor_execute", lambda *_: _count("statements"))
    event.listen(Engine, "commit", lambda *_: _count("transactions"))
    event.listen(Engine, "rollback", lambda *_: _count("rollbacks"))


def _count_redis() -> None:
    original = redis.connection.AbstractConnection.send_command

    def send_command(self: Any, *args: Any, **options: Any) -> Any:
        _count("redis")
        return original(self, *args, **options)

    redis.connection.AbstractConnection.send_command = send_command  # type: ignore[method-assign]


def _count_http() -> None:
    original = BoundedTransport.handle_request

    def handle_request(self: BoundedTransport, request: httpx.Request) -> httpx.Response:
        _count(f"http {request.method}")
        return original(self, request)

    BoundedTransport.handle_request = handle_request  # type: ignore[method-assign]


def _count_quota() -> None:
    reserve, tell = GeminiQuota.reserve, GeminiQuota._tell

    def counted_reserve(self: GeminiQuota) -> Any:
        answer = reserve(self)
        _count("granted" if isinstance(answer, Slot) else f"later {answer.reason}", "quota")
        return answer

    def counted_tell(self: GeminiQuota, slot: Slot, word: str, *, pause_ms: int = 0) -> int:
        _count(f"told {word}", "quota")
        return tell(self, slot, word, pause_ms=pause_ms)

    GeminiQuota.reserve, GeminiQuota._tell = counted_reserve, counted_tell  # type: ignore[method-assign]


class _WriteCounts(dramatiq.Middleware):
    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        _count("messages", message.actor_name)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        path = Path(os.environ["QUEL_BENCH_COUNTS"]) / f"{os.getpid()}.json"
        path.write_text(json.dumps(_counts), encoding="utf-8")


for count in (_count_sql, _count_redis, _count_http, _count_quota):
    count()
broker.add_middleware(_WriteCounts())
