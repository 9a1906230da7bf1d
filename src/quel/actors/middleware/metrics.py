"""Measures every run of an actor, names the actor in its lines, and tells of messages given up."""

import threading
import time
from typing import Any

import dramatiq
from dramatiq.errors import Retry
from structlog.contextvars import bind_contextvars, unbind_contextvars

from quel.observe import metrics
from quel.observe.counting import ActorRun, begin_run, count, end_run
from quel.observe.events import Event, emit, subscribe


class MetricsMiddleware(dramatiq.Middleware):
    """Runs innermost: what it measures is the actor alone."""

    def __init__(self) -> None:
        self._began = threading.local()

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """From here on every event of this process is counted."""
        subscribe(count)

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Starts the clock."""
        bind_contextvars(actor=message.actor_name)
        self._began.run, self._began.at_s = begin_run(message.actor_name), time.monotonic()
        metrics.WORKER_THREADS.labels("busy").inc()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Stops it."""
        run: ActorRun | None = getattr(self._began, "run", None)
        if run is None:
            return
        metrics.ACTOR_SECONDS.labels(run.actor, run.path).observe(time.monotonic() - self._began.at_s)
        metrics.ACTOR_RUNS.labels(run.actor, _outcome(exception)).inc()
        metrics.WORKER_THREADS.labels("busy").dec()
        self._began.run = None
        end_run()
        unbind_contextvars("actor")

    def after_skip_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """A tick that came too late."""
        metrics.ACTOR_RUNS.labels(message.actor_name, "skipped").inc()

    def after_nack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """The message lies among the dead letters now; the sweep goes on from the rows."""
        job_id = message.args[0] if message.args else None
        emit(Event.MESSAGE_DEAD, actor=message.actor_name, job_id=job_id, message_id=message.message_id)


def _outcome(exception: BaseException | None) -> str:
    if exception is None:
        return "done"
    return "retried" if isinstance(exception, Retry) else "failed"
