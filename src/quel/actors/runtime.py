"""What the actors of one process share: its neighbours, built once after the fork."""

from quel.core.errors import SettingsError
from quel.core.pipeline import Step
from quel.services import Services
from quel.settings import Settings

_SPARE_CONNECTIONS = 3  # admission, the sweep's lock and the health page query beside the worker threads


class Runtime:
    """Holds the process's Services between worker boot and shutdown."""

    def __init__(self) -> None:
        self._services: Services | None = None
        self.steps: frozenset[Step] = frozenset()

    @property
    def services(self) -> Services:
        """The neighbours. Raises SettingsError where no worker has booted."""
        if self._services is None:
            raise SettingsError("No worker runs in this process.")
        return self._services

    def start(self, settings: Settings, *, threads: int, steps: frozenset[Step]) -> None:
        """Builds the neighbours that the steps need; the slow ones now, not at the first message."""
        services = Services(settings, threads=threads + _SPARE_CONNECTIONS)
        _ = services.rules  # settings that contradict each other end the start
        if Step.GENERATE_IMAGE in steps:
            _ = [lane.engine for lane in services.lanes]
        if steps & {Step.PREPARE_INPUTS, Step.PERSIST_OUTPUT}:
            _ = services.storage, services.imaging
        if Step.DELIVER_WEBHOOK in steps and services.rules.webhooks.is_set:
            _ = services.webhook_sender
        self._services, self.steps = services, steps

    def stop(self) -> None:
        """Closes every connection."""
        if self._services is not None:
            self._services.close()
            self._services = None


runtime = Runtime()
