"""Gives a process that serves generate_image an admission controller a maker, and renews its leases."""

import threading

import dramatiq

from quel.actors.admission.controller import AdmissionController
from quel.actors.admission.lease_renewal import LeaseRenewal
from quel.actors.runtime import runtime
from quel.adapters.redis.messages import send
from quel.core.engines import Maker
from quel.core.pipeline import WHOEVER, Step, StepMessage
from quel.services import Services
from quel.settings import Settings


class AdmissionMiddleware(dramatiq.Middleware):
    """Starts and stops them with the worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """They exist before the first message is taken."""
        if Step.GENERATE_IMAGE not in runtime.steps:
            return
        services = runtime.services
        makers = services.engine_settings.makers
        controllers = {maker: _controller(broker, services, worker.worker_threads, maker) for maker in makers}
        renewal = LeaseRenewal(keep_leases=services.generate_image.renew)
        services.install(controllers, renewal, callers=worker.worker_threads)
        self._threads = [
            *(
                threading.Thread(target=each.run, args=(self._stop,), name=f"admission-{maker}", daemon=True)
                for maker, each in controllers.items()
            ),
            *renewal.threads(self._stop),
        ]
        for thread in self._threads:
            thread.start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Calls that another process can go on with are not waited for."""
        if Step.GENERATE_IMAGE in runtime.steps:
            runtime.services.stopping.set()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Only now: leases are kept alive until the last call has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)


def _controller(
    broker: dramatiq.Broker, services: Services, threads: int, maker: Maker
) -> AdmissionController:
    def notify(number: int) -> None:
        send(broker, (StepMessage(Step.GENERATE_IMAGE, WHOEVER, 0) for _ in range(number)))

    return AdmissionController(
        notify=notify,
        due=lambda most: services.generate_image.due(most, maker),
        backlog=lambda: services.queues.backlog(Step.GENERATE_IMAGE),
        threads=threads,
    )
