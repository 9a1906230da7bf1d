"""Every run of an actor becomes a span of its job's trace, where a collector is configured."""

import time
from typing import Any

import dramatiq

from quel.observe.events import subscribe
from quel.observe.span_writer import SpanWriter
from quel.observe.traces import begin_run, end_run, note


class Traces(dramatiq.Middleware):
    """Notes what a run tells, and hands it to the writer when the run has ended."""

    def __init__(self) -> None:
        self._writer: SpanWriter | None = None

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """The writer's thread begins in the worker: a fork would not take it along."""
        self._writer = SpanWriter()
        subscribe(note)

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Begins a run; its message may have waited."""
        begin_run(message.actor_name, queued_s=max(0.0, time.time() - message.message_timestamp / 1000))

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Writes the run."""
        run = end_run()
        if run is not None and self._writer is not None:
            failed = None if exception is None else type(exception).__name__
            self._writer.write(run, ended_ns=time.time_ns(), failed=failed)

    def after_skip_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """A run that was none."""
        end_run()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Sends what is left."""
        if self._writer is not None:
            self._writer.close()
