"""What the actors of one process share: its neighbours, built once after the fork."""

from quel.core.errors import SettingsError
from quel.core.steps import Stage
from quel.settings import Settings
from quel.wiring import World

_SPARE_CONNECTIONS = 3  # the bell, the sweep's lock and the health page query beside the worker threads


class Runtime:
    """Holds the process's World between worker boot and shutdown."""

    def __init__(self) -> None:
        self._world: World | None = None
        self.stages: frozenset[Stage] = frozenset()

    @property
    def world(self) -> World:
        """The neighbours. Raises SettingsError where no worker has booted."""
        if self._world is None:
            raise SettingsError("No worker runs in this process.")
        return self._world

    def start(self, settings: Settings, *, threads: int, stages: frozenset[Stage]) -> None:
        """Builds the neighbours that the stages need; the slow ones now, not at the first message."""
        world = World(settings, threads=threads + _SPARE_CONNECTIONS)
        if Stage.GENERATE_IMAGE in stages:
            _ = world.engine
        if stages & {Stage.PREPARE_INPUTS, Stage.PERSIST_OUTPUT}:
            _ = world.storage, world.imaging
        self._world, self.stages = world, stages

    def stop(self) -> None:
        """Closes every connection."""
        if self._world is not None:
            self._world.close()
            self._world = None


runtime = Runtime()
