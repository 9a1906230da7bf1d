"""Looks for jobs that wait to be prepared, and renews the hold of those that are: in processes that prepare.

A message that finds nobody's turn has come is dropped, and one may be lost: this look brings both back. It
sends only where no message waits anyway.
"""

import threading
import time

import dramatiq

from quel.actors.admission.lease_renewal import KEEP_EVERY_S
from quel.actors.runtime import runtime
from quel.adapters.redis.messages import send
from quel.core.errors import QuelError
from quel.core.pipeline import WHOEVER, Step, StepMessage
from quel.observe.events import Event, emit
from quel.services import Services
from quel.stages.prepare_inputs import preparation_waits

LOOK_EVERY_S = 2.0


class PreparationMiddleware(dramatiq.Middleware):
    """Starts and stops the thread with the worker."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Looks from here on."""
        if Step.PREPARE_INPUTS in runtime.steps:
            arguments = (broker, runtime.services, worker.worker_threads)
            self._thread = threading.Thread(target=self._run, args=arguments, name="preparation", daemon=True)
            self._thread.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Only now: jobs are held until the last one is prepared."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self, broker: dramatiq.Broker, services: Services, threads: int) -> None:
        renews_at = time.monotonic() + KEEP_EVERY_S
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                if time.monotonic() >= renews_at:
                    renews_at = time.monotonic() + KEEP_EVERY_S
                    _renew(services)
                if services.queues.backlog(Step.PREPARE_INPUTS) == 0 and preparation_waits(services):
                    send(broker, [StepMessage(Step.PREPARE_INPUTS, WHOEVER)] * threads)
            except QuelError as error:
                emit(Event.ADMISSION_TROUBLE, code=error.code, reason=str(error))


def _renew(services: Services) -> None:
    held = services.preparing.now_held()
    if held:
        services.prepare_inputs.renew(held)
