"""The type of what a stage is given, so that a stage depends on ports and on no adapter.

`quel.services` wires the real neighbours, `quel.sandbox.memory` those of a world in memory.
"""

from typing import Protocol

from quel.core import ports
from quel.core.rules import Rules


class Services(Protocol):
    """What a stage is given: every neighbour behind its port, and the rules."""

    @property
    def rules(self) -> Rules:
        """The settings as the stages need them."""

    @property
    def clock(self) -> ports.Clock:
        """The time."""

    @property
    def fetch_job(self) -> ports.FetchJobRows:
        """The rows of fetch_job."""

    @property
    def prepare_inputs(self) -> ports.PrepareInputsRows:
        """The rows of prepare_inputs."""

    @property
    def generate_image(self) -> ports.GenerateImageRows:
        """The rows of generate_image."""

    @property
    def persist_output(self) -> ports.PersistOutputRows:
        """The rows of persist_output."""

    @property
    def finalize_job(self) -> ports.FinalizeJobRows:
        """The rows of finalize_job."""

    @property
    def sweep_stuck_jobs(self) -> ports.SweepStuckJobsRows:
        """The rows of sweep_stuck_jobs."""

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
    def admission(self) -> ports.AdmissionController:
        """The admission controller; only where generate_image is served."""

    @property
    def lease_renewal(self) -> ports.LeaseRenewal:
        """What keeps running calls' leases alive; only where generate_image is served."""

    @property
    def pause(self) -> ports.Pause:
        """The operator's brake."""

    @property
    def rejected(self) -> ports.RejectedEntries:
        """The list of what was no job."""

    @property
    def forward_list(self) -> ports.ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""

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

    @property
    def take_checker(self) -> ports.TakeChecker:
        """What looks at generated pictures; only where generate_image is served."""
