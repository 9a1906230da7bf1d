"""The type of what a step is given, so that a step depends on ports and on no adapter.

`quel.services` wires the real neighbours, `quel.sandbox.memory` those of a world in memory.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from quel.core.engines import Maker
from quel.core.ports import outside, rows, shared
from quel.core.rules import Rules


class Lane(Protocol):
    """One maker with what decides whether a call to it may begin; nothing of it is another lane's."""

    @property
    def maker(self) -> Maker:
        """Whose images it makes."""

    @property
    def engine(self) -> outside.Engine:
        """The engine."""

    @property
    def quota(self) -> shared.Quota:
        """Its quota."""

    @property
    def admission(self) -> shared.AdmissionController:
        """Its admission controller; only where generate_image is served."""

    def thread(self) -> AbstractContextManager[bool]:
        """Whether one more of the process's threads may wait for it: one is left to the other lanes."""


class Services(Protocol):
    """What a step is given: every neighbour behind its port, and the rules."""

    @property
    def rules(self) -> Rules:
        """The settings as the steps need them."""

    @property
    def clock(self) -> outside.Clock:
        """The time."""

    @property
    def fetch_job(self) -> rows.FetchJobRows:
        """The rows of fetch_job."""

    @property
    def prepare_inputs(self) -> rows.PrepareInputsRows:
        """The rows of prepare_inputs."""

    @property
    def generate_image(self) -> rows.GenerateImageRows:
        """The rows of generate_image."""

    @property
    def persist_output(self) -> rows.PersistOutputRows:
        """The rows of persist_output."""

    @property
    def finalize_job(self) -> rows.FinalizeJobRows:
        """The rows of finalize_job."""

    @property
    def deliver_webhook(self) -> rows.DeliverWebhookRows:
        """The rows of deliver_webhook."""

    @property
    def webhook_sender(self) -> outside.WebhookSender:
        """What sends webhooks; only where deliver_webhook is served."""

    @property
    def sweep_stuck_jobs(self) -> rows.SweepStuckJobsRows:
        """The rows of sweep_stuck_jobs."""

    @property
    def tally(self) -> rows.Tally:
        """The hourly sums that statistics are read from."""

    @property
    def cancellations(self) -> shared.Cancellations:
        """The front end's cancel keys."""

    @property
    def blobs(self) -> shared.Blobs:
        """The cache of bytes."""

    @property
    def lanes(self) -> Sequence[Lane]:
        """One a maker that is configured."""

    @property
    def lease_renewal(self) -> shared.LeaseRenewal:
        """What keeps running calls' leases alive; only where generate_image is served."""

    @property
    def preparing(self) -> shared.Preparing:
        """What keeps the hold of jobs that are being prepared."""

    @property
    def pause(self) -> shared.Pause:
        """The operator's brake."""

    @property
    def rejected(self) -> shared.RejectedEntries:
        """The list of what was no job."""

    @property
    def forward_list(self) -> shared.ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""

    @property
    def queues(self) -> shared.Queues:
        """The broker and the raw lists."""

    @property
    def download_budget(self) -> shared.MemoryBudget:
        """What references that are being fetched may hold of this process's memory."""

    @property
    def call_budget(self) -> shared.MemoryBudget:
        """What the pictures of provider calls may hold of this process's memory."""

    def picture_file(self) -> AbstractContextManager[shared.PictureFile]:
        """An empty file of pictures, gone when the block ends or the process dies."""

    @property
    def storage(self) -> outside.ObjectStorage:
        """The bucket."""

    @property
    def imaging(self) -> outside.Imaging:
        """The picture codec."""

    @property
    def take_checker(self) -> outside.TakeChecker:
        """What looks at generated pictures; only where generate_image is served."""
