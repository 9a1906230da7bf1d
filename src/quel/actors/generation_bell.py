"""Gives every process that serves generate_image its doorbell and its keeper of leases."""

import threading
from uuid import UUID

import dramatiq

from quel.actors.doorbell import Doorbell
from quel.actors.lease_keeper import LeaseKeeper
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
        self._threads: list[threading.Thread] = []

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """The bell exists before the first message is taken."""
        if Stage.GENERATE_IMAGE not in runtime.stages:
            return
        world = runtime.world
        bell = _bell(world, worker.worker_threads)
        keeper = LeaseKeeper(keep_leases=world.turns.renew, keep_slots=world.quota.keep)
        world.install(bell, keeper)
        self._threads = [
            threading.Thread(target=bell.run, args=(self._stop,), name="doorbell", daemon=True),
            *keeper.threads(self._stop),
        ]
        for thread in self._threads:
            thread.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Only now: leases are kept alive until the last call has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)


def _bell(world: World, threads: int) -> Doorbell:
    from quel.actors.pipeline import send  # the actors are declared after the broker that holds this

    def ring(number: int) -> None:
        send(tuple(Nudge(Stage.GENERATE_IMAGE, _ANY, 0) for _ in range(number)))

    return Doorbell(
        ring=ring,
        due=world.turns.due,
        backlog=lambda: world.queues.backlog(Stage.GENERATE_IMAGE),
        handful=threads,
    )
