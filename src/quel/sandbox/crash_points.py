"""`dramatiq quel.sandbox.crash_points` is `dramatiq quel.actors` that dies at one named moment, silently.

QUEL_SANDBOX_DIE_AT names the moment, for instance `before:GenerateImageRows.mark_made`,
`committing:PersistOutputRows.deliver`, `during:GeminiEngine.generate` or `after:send.generate_image#2` (the
second time it comes). The whole process group ends there by SIGKILL: no exception, no clean-up, no
acknowledgement. Start it in a session of its own, as `quel.sandbox.processes` does. With QUEL_SANDBOX_PASSED
every moment that passes is appended to that file.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq.brokers import redis as dramatiq_redis
from sqlalchemy import Connection

import quel.actors  # sets the broker, as `dramatiq quel.actors` does
from quel.adapters.comfy.client import ComfyClient
from quel.adapters.gemini.engine import GeminiEngine
from quel.adapters.imaging import PillowImaging
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.deliver_webhook import DeliverWebhookRows
from quel.adapters.postgres.fetch_job import FetchJobRows
from quel.adapters.postgres.fetch_line import FetchLineRows
from quel.adapters.postgres.finalize_job import FinalizeJobRows
from quel.adapters.postgres.generate_image import GenerateImageRows
from quel.adapters.postgres.persist_output import PersistOutputRows
from quel.adapters.postgres.prepare_inputs import PrepareInputsRows
from quel.adapters.postgres.sweep_stuck_jobs import SweepStuckJobsRows
from quel.adapters.redis.blobs import Blobs
from quel.adapters.redis.cancellations import Cancellations
from quel.adapters.redis.ingest import ReliableQueue
from quel.adapters.redis.pause import Pause
from quel.adapters.redis.queues import Queues
from quel.adapters.redis.quota import GeminiQuota
from quel.adapters.redis.rejected import RejectedEntries
from quel.adapters.storage import SupabaseStorage
from quel.adapters.webhook import WebhookSender

broker = quel.actors.broker

DURING_S = 0.4
"""How long a call has been under way when `during` strikes."""

_CALLS: dict[type, tuple[str, ...]] = {
    ReliableQueue: ("take", "done", "reclaim"),
    RejectedEntries: ("keep",),
    FetchLineRows: ("line_up", "take", "leave"),
    FetchJobRows: ("load", "claim", "unclaimed_kind"),
    PrepareInputsRows: ("load", "take", "set_back", "postpone", "attachment_paths", "finish"),
    GenerateImageRows: (
        "due", "claim", "mark_made", "mark_given", "reschedule", "turn_down", "prepare_again", "fail",
        "fail_unpayable",
    ),
    PersistOutputRows: ("begin", "deliver", "postpone", "fail", "make_again"),
    FinalizeJobRows: ("close", "refuse", "give_up"),
    DeliverWebhookRows: ("claim", "finish", "due", "forget"),
    WebhookSender: ("send",),
    SweepStuckJobsRows: ("open_jobs", "recover", "recover_pending", "adopt", "reconcile_productions"),
    Cancellations: ("is_cancelled", "cancelled_among"),
    Blobs: (
        "put_input", "put_output", "output", "inputs_and_output", "has_outputs", "drop_output", "drop_job",
        "inputs_full",
    ),
    GeminiQuota: ("reserve", "give_back", "report", "blocked_for_s"),
    Pause: ("paused_paths",),
    Queues: ("waiting", "jobs_to_fetch", "foreign_ids"),
    SupabaseStorage: ("read_reference", "write_result", "stored_size_bytes", "delete_results"),
    GeminiEngine: ("generate",),
    ComfyClient: ("submit", "standing", "view", "forget"),
    PillowImaging: ("normalise", "grid", "to_webp"),
}  # fmt: skip


class Moment(StrEnum):
    """When to die, seen from one call to a neighbour."""

    BEFORE = "before"
    DURING = "during"
    COMMITTING = "committing"  # every statement has run, the transaction is not committed
    AFTER = "after"


class CrashPoints:
    """Knows the one moment this process will not outlive, and notes those it does. Safe for many threads."""

    def __init__(self, die_at: str, passed: Path | None) -> None:
        name, _, number = die_at.partition("#")
        self._die_at = (name, int(number or 1))
        self._passed = passed
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()

    def meet(self, moment: Moment, call: str) -> None:
        """Passes a moment, or ends the process there."""
        name = f"{moment}:{call}"
        with self._lock:
            self._times[name] += 1
            if self._passed is not None:
                with self._passed.open("a") as file:
                    file.write(name + "\n")
            if (name, self._times[name]) == self._die_at:
                os.killpg(0, signal.SIGKILL)

    def meet_during(self, call: str) -> None:
        """Lets the moment come while the call is under way."""
        threading.Timer(DURING_S, self.meet, (Moment.DURING, call)).start()


_inside = threading.local()


def install_crash_points(points: CrashPoints) -> None:
    """Puts `points` around every call to a neighbour, every message sent and every acknowledgement."""
    for owner, methods in _CALLS.items():
        for method in methods:
            _wrap(owner, method, f"{owner.__name__}.{method}", points)
    _wrap_messages(points)
    _wrap_commits(points)


def _wrap(owner: type, method: str, call: str, points: CrashPoints) -> None:
    original: Callable[..., Any] = getattr(owner, method)

    def wrapped(self: object, *args: Any, **kwargs: Any) -> Any:
        points.meet(Moment.BEFORE, call)
        if owner is GeminiEngine:
            points.meet_during(call)
        _inside.call = call
        answer = original(self, *args, **kwargs)
        _inside.call = None
        points.meet(Moment.AFTER, call)
        return answer

    setattr(owner, method, wrapped)


def _wrap_messages(points: CrashPoints) -> None:
    send: Callable[..., Any] = dramatiq_redis.RedisBroker.enqueue
    acknowledge: Callable[..., Any] = dramatiq_redis._RedisConsumer.ack

    def wrapped_send(self: Any, message: dramatiq.Message[Any], *, delay: int | None = None) -> Any:
        points.meet(Moment.BEFORE, f"send.{message.actor_name}")
        answer = send(self, message, delay=delay)
        points.meet(Moment.AFTER, f"send.{message.actor_name}")
        return answer

    def wrapped_acknowledge(self: Any, message: dramatiq.MessageProxy) -> None:
        points.meet(Moment.BEFORE, f"ack.{message.actor_name}")
        acknowledge(self, message)
        points.meet(Moment.AFTER, f"ack.{message.actor_name}")

    _replace(dramatiq_redis.RedisBroker, "enqueue", wrapped_send)
    _replace(dramatiq_redis._RedisConsumer, "ack", wrapped_acknowledge)


def _wrap_commits(points: CrashPoints) -> None:
    run = Database.run

    def wrapped_run(self: Database, work: Callable[[Connection], Any], **options: Any) -> Any:
        def wrapped_work(connection: Connection) -> Any:
            answer = work(connection)
            if getattr(_inside, "call", None):
                points.meet(Moment.COMMITTING, _inside.call)
            return answer

        return run(self, wrapped_work, **options)

    _replace(Database, "run", wrapped_run)


def _replace(owner: type, method: str, wrapped: Callable[..., Any]) -> None:
    setattr(owner, method, wrapped)


_passed = os.environ.get("QUEL_SANDBOX_PASSED")
install_crash_points(
    CrashPoints(os.environ.get("QUEL_SANDBOX_DIE_AT", ""), Path(_passed) if _passed else None)
)
