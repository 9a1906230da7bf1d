"""Gives every process that serves generate_image its doorbell, on a thread of its own."""

import threading
from uuid import UUID

import dramatiq

from quel.actors.doorbell import Doorbell
from quel.actors.runtime import runtime
from quel.core.steps import Nudge, Stage
from quel.settings import Settings
from quel.wiring import World

_ANY = UUID(int=0)  # a bell message names no image: whose turn it is decides when it is taken


class GenerationBell(dramatiq.Middleware):
    """Starts and stops the bell with the worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """The bell exists before the first message is taken."""
        if Stage.GENERATE_IMAGE not in runtime.stages:
            return
        bell = _bell(runtime.world, worker.worker_threads)
        runtime.world.install(bell)
        self._thread = threading.Thread(target=bell.run, args=(self._stop,), name="doorbell", daemon=True)
        self._thread.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """The bell keeps leases alive until the last call has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)


def _bell(world: World, threads: int) -> Doorbell:
    from quel.actors.pipeline import send  # the actors are declared after the broker that holds this

    def ring(number: int) -> None:
        send(tuple(Nudge(Stage.GENERATE_IMAGE, _ANY, 0) for _ in range(number)))

    def keep(leases: list[str], owners: list[str]) -> None:
        world.turns.renew(leases)
        world.quota.keep(owners)

    return Doorbell(
        ring=ring,
        due=world.turns.due,
        backlog=lambda: world.queues.backlog(Stage.GENERATE_IMAGE),
        keep=keep,
        handful=threads,
    )
