"""The type of what a stage is given, so that a stage depends on ports and on no adapter.

`quel.services` wires the real neighbours, `quel.sandbox.memory` those of a world in memory.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from quel.core import ports
from quel.core.engines import Maker
from quel.core.rules import Rules


class Lane(Protocol):
    """One maker with what decides whether a call to it may begin; nothing of it is another lane's."""

    @property
    def maker(self) -> Maker:
        """Whose images it makes."""

    @property
    def engine(self) -> ports.Engine:
        """The engine."""

    @property
    def quota(self) -> ports.Quota:
        """Its quota."""

    @property
    def admission(self) -> ports.AdmissionController:
        """Its admission controller; only where generate_image is served."""

    def thread(self) -> AbstractContextManager[bool]:
        """Whether one more of the process's threads may wait for it: one is left to the other lanes."""


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
    def deliver_webhook(self) -> ports.DeliverWebhookRows:
        """The rows of deliver_webhook."""

    @property
    def webhook_sender(self) -> ports.WebhookSender:
        """What sends webhooks; only where deliver_webhook is served."""

    @property
    def sweep_stuck_jobs(self) -> ports.SweepStuckJobsRows:
        """The rows of sweep_stuck_jobs."""

    @property
    def tally(self) -> ports.Tally:
        """The hourly sums that statistics are read from."""

    @property
    def cancellations(self) -> ports.Cancellations:
        """The front end's cancel keys."""

    @property
    def blobs(self) -> ports.Blobs:
        """The cache of bytes."""

    @property
    def lanes(self) -> Sequence[Lane]:
        """One a maker that is configured."""

    @property
    def lease_renewal(self) -> ports.LeaseRenewal:
        """What keeps running calls' leases alive; only where generate_image is served."""

    @property
    def preparing(self) -> ports.Preparing:
        """What keeps the hold of jobs that are being prepared."""

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
    def download_budget(self) -> ports.MemoryBudget:
        """What references that are being fetched may hold of this process's memory."""

    @property
    def call_budget(self) -> ports.MemoryBudget:
        """What the pictures of provider calls may hold of this process's memory."""

    def picture_file(self) -> AbstractContextManager[ports.PictureFile]:
        """An empty file of pictures, gone when the block ends or the process dies."""

    @property
    def storage(self) -> ports.ObjectStorage:
        """The bucket."""

    @property
    def imaging(self) -> ports.Imaging:
        """The picture codec."""

    @property
    def take_checker(self) -> ports.TakeChecker:
        """What looks at generated pictures; only where generate_image is served."""
