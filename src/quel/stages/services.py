"""What a stage is given: the neighbours behind their ports, and the rules the settings make."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from quel.core.intake import IntakePolicy
from quel.core.retry import RetryPolicy
from quel.stages import ports


@dataclass(frozen=True)
class Rules:
    """The settings as the stages need them. Durations are in seconds.

    `path_limits` lists the open paths as {path, most}, or is None where no path is switched off or
    limited; `max_pictures` is what the provider's model takes.
    """

    intake: IntakePolicy
    retry: RetryPolicy
    model: str
    max_pictures: int
    fail_on_missing_reference: bool
    stuck_after_s: float
    max_recoveries: int
    adopt_within_s: float
    path_limits: tuple[Mapping[str, Any], ...] | None


class Services(Protocol):
    """Built once a process; each neighbour is connected to when it is first used."""

    @property
    def rules(self) -> Rules:
        """The settings that decide."""

    @property
    def intake(self) -> ports.Intake:
        """The rows of fetch_job."""

    @property
    def preparations(self) -> ports.Preparations:
        """The rows of prepare_inputs."""

    @property
    def turns(self) -> ports.Turns:
        """The rows of generate_image."""

    @property
    def deliveries(self) -> ports.Deliveries:
        """The rows of persist_output."""

    @property
    def closings(self) -> ports.Closings:
        """The rows of finalize_job."""

    @property
    def cancellations(self) -> ports.Cancellations:
        """The front end's cancel keys."""

    @property
    def blobs(self) -> ports.Blobs:
        """The cache of bytes."""

    @property
    def quota(self) -> ports.Quota:
        """The provider's quota."""

    @property
    def doorbell(self) -> ports.Doorbell:
        """The bell of those who wait."""

    @property
    def leases(self) -> ports.Leases:
        """What keeps running calls' leases alive."""

    @property
    def pause(self) -> ports.Pause:
        """The operator's brake."""

    @property
    def set_aside(self) -> ports.SetAside:
        """The list of what was no job."""

    @property
    def forward_list(self) -> ports.ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""

    @property
    def sweeps(self) -> ports.Sweeps:
        """The rows of sweep_stuck_jobs."""

    @property
    def queues(self) -> ports.Queues:
        """The broker and the raw lists."""

    @property
    def storage(self) -> ports.ObjectStorage:
        """The bucket."""

    @property
    def engine(self) -> ports.Engine:
        """The provider."""

    @property
    def imaging(self) -> ports.Imaging:
        """The picture codec."""
