"""The rows of PostgreSQL as the stages see them. Any method may raise DatabaseError."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from quel.core.attachment import AttachmentPath
from quel.core.deliver_webhook import Answer, Delivery, DeliveryDecision
from quel.core.engines import GEMINI_MAKER, Maker
from quel.core.fetch_job import ClaimEnd, JobFacts, Start
from quel.core.generate_image import ClaimedImage, InsufficientCredits, Progress, ReroutedImage, Unpayable
from quel.core.job_end import ClosedJob, Leftovers
from quel.core.kind import Kind
from quel.core.open_paths import OpenPaths
from quel.core.persist_output import OutputToPersist, PersistEnd
from quel.core.pipeline import ImageState
from quel.core.prepare_inputs import (
    FailedImage,
    Lookahead,
    Preparation,
    PreparationTurn,
    Prepared,
    ReadyImage,
    SetBack,
)
from quel.core.submission import Submission
from quel.core.sweep_stuck_jobs import OpenJobs, Orphan, PendingJob, ProcessingJob
from quel.core.takes import TakeRules, TurnedDown


class FetchJobRows(Protocol):
    """The rows of fetch_job."""

    def load(self, job_id: UUID) -> JobFacts | None:
        """The job's facts, or None where there is no such row."""

    def claim(self, facts: JobFacts, start: Start, *, price: int, result_owner: str) -> ClaimEnd:
        """pending → processing with the plan's rows, its credits held; or why not."""

    def defer(self, job_id: UUID) -> None:
        """Notes that quel has a pending job in hand, so that the sweep minds it whatever its age."""

    def leave(self, job_id: UUID) -> None:
        """Remembers that a job was passed on to another program: quel looks for it no more by itself."""

    def unclaimed_kind(self, job_id: UUID) -> Kind | None:
        """The kind of a job quel has no plan of; None where it has one, or there is no such row.

        UNKNOWN where it was passed on: it is its new maker's, whatever it looks like.
        """


class PrepareInputsRows(Protocol):
    """The rows of prepare_inputs."""

    def load(self, job_id: UUID) -> Preparation | None:
        """A claimed job's plan and states, or None where quel has no plan of it."""

    def take(self, lookahead: Lookahead, owner: str) -> PreparationTurn | None:
        """Leases the job whose turn it is to `owner` for as long as that is renewed; None for none."""

    def waits(self, lookahead: Lookahead) -> bool:
        """Whether a job could be prepared now."""

    def set_back(self, lookahead: Lookahead) -> SetBack | None:
        """Sends the last job behind whose turn it is, or of no such path, back to be prepared later."""

    def renew(self, job_ids: Sequence[UUID]) -> None:
        """Prolongs the lease of jobs that are being prepared."""

    def postpone(self, job_id: UUID, *, pause_s: float, postponed: int) -> None:
        """Ends the lease of a job that is to be tried again after `pause_s`, and notes that it is not stuck.

        `postponed` is how often in a row Storage has put it off now.
        """

    def attachment_paths(self, attach_ids: Sequence[int]) -> dict[int, AttachmentPath | None]:
        """Where each attachment that has a row is stored; None where the row names no path."""

    def input_data(self, job_id: UUID) -> object:
        """The job's input as decoded JSON, for the pictures that stand in it; None where there is none."""

    def finish(
        self,
        job_id: UUID,
        *,
        ready: Sequence[ReadyImage],
        failed: Sequence[FailedImage],
        warnings: Sequence[str],
        input_images: int,
    ) -> Prepared:
        """Ends the lease; planned images become ready or failed, where the job is still processing."""


class GenerateImageRows(Protocol):
    """The rows of generate_image: whose turn it is."""

    def claim(
        self, lease: str, open_paths: OpenPaths, maker: Maker = GEMINI_MAKER
    ) -> ClaimedImage | Unpayable | None:
        """Leases the image whose turn it is among those of the open paths that `maker` makes.

        `lease` is the owner of the slot its call will be made with.
        """

    def note_submission(self, claimed: ClaimedImage, submission: Submission) -> bool:
        """Writes down what is about to be handed to a server; False when the lease was lost meanwhile."""

    def fail_unpayable(self, unpayable: Unpayable) -> InsufficientCredits | None:
        """Fails the job's images that nothing was spent on yet; None where the payer can pay by now."""

    def mark_made(self, claimed: ClaimedImage, cost_usd: float) -> bool:
        """The picture is kept; False when nobody wants it any more."""

    def mark_given(self, job_id: UUID, image_no: int) -> bool:
        """The same of an image that is the customer's own picture, which no call is made for."""

    def reschedule(self, claimed: ClaimedImage, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Lets go of the image for later."""

    def prepare_again(self, claimed: ClaimedImage) -> None:
        """Sends the waiting images of the whole job back to be prepared."""

    def turn_down(
        self, claimed: ClaimedImage, take: TurnedDown, *, cost_usd: float, rules: TakeRules
    ) -> bool | None:
        """Has the image made again after a bad take that cost so much.

        Nothing is done when the job has used up its re-rolls (False), or the lease was lost (None).
        """

    def fail(
        self,
        claimed: ClaimedImage,
        *,
        code: str,
        reason: str,
        attempts: int,
        broken: int,
        cost_usd: float = 0.0,
    ) -> Progress | None:
        """Ends the image as failed, after a bad take that cost so much; None when the lease was lost."""

    def renew(self, leases: Sequence[str]) -> None:
        """Prolongs leases that are still held."""

    def reroute(self, maker: Maker, out_s: float) -> Sequence[ReroutedImage]:
        """Hands waiting images to their route's fallback whose time for that has come; each image once."""

    def due(self, most: int, maker: Maker = GEMINI_MAKER) -> int:
        """How many of the maker's images could go at this moment but for quota and limits, up to `most`."""


class PersistOutputRows(Protocol):
    """The rows of persist_output."""

    def load(self, job_id: UUID, image_no: int) -> OutputToPersist | None:
        """An image with its payer and its path in the bucket, as it stands."""

    def begin(self, job_id: UUID, image_no: int, owner: str) -> OutputToPersist | None:
        """An image with its payer and its path in the bucket.

        One that is made is leased to `owner`, the message that stores it, unless another has it.
        """

    def deliver(self, output: OutputToPersist, size_bytes: int) -> PersistEnd:
        """Attach row, deduction, ledger row, image row and progress in one transaction. Raises RowLocked."""

    def postpone(self, output: OutputToPersist, *, object_bytes: int | None) -> float | None:
        """Lets go of a made image; the seconds until it may be tried again, None when it waits no longer."""

    def fail(self, output: OutputToPersist, *, code: str, reason: str) -> Progress | None:
        """Ends a made image as failed; None when it no longer waits."""

    def make_again(self, output: OutputToPersist, *, broken: bool) -> None:
        """Back to the provider: the bytes are gone, or (`broken`) are no picture."""


class FinalizeJobRows(Protocol):
    """The rows of finalize_job."""

    def close(self, job_id: UUID, *, cancelled: Callable[[], bool] | None = None) -> ClosedJob | None:
        """Closes the job and its production; None while an image is on its way or when it is closed.

        `cancelled` is asked while the job's row is locked.
        """

    def withdraw_ended(self, job_id: UUID) -> Leftovers | None:
        """Withdraws the open images of a job that ended elsewhere; what it may have left behind.

        None for a job that is open, or that quel has no images of.
        """

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job with what it has, as failed where that is nothing."""

    def give_up(
        self, job: PendingJob | ProcessingJob | Orphan, *, code: str, reason: str
    ) -> ClosedJob | None:
        """Fails what is open and closes the job with what it has; None when it moved."""


class DeliverWebhookRows(Protocol):
    """The rows of deliver_webhook."""

    def claim(self, job_id: UUID) -> Delivery | None:
        """A webhook of the job that is due, leased and counted as tried; None for none."""

    def finish(self, delivery: Delivery, answer: Answer, decision: DeliveryDecision) -> None:
        """Writes down what came of a try, and when the next one is due."""

    def due(self, most: int) -> Sequence[UUID]:
        """The jobs of at most so many webhooks that are due, the longest due first."""

    def forget(self) -> int:
        """Deletes a batch of what ended a long time ago; how many."""


class SweepStuckJobsRows(Protocol):
    """The rows of sweep_stuck_jobs."""

    def open_jobs(self, stuck_after_s: float, adopt_within_s: float, default_path: str) -> OpenJobs | None:
        """Everything that is open and of a kind quel makes, at one moment; None while another sweep looks."""

    def states(self, job_id: UUID) -> Sequence[tuple[int, ImageState]]:
        """The (image_no, state) of a claimed job's images."""

    def recover(self, job: ProcessingJob) -> bool:
        """Counts a recovery of a claimed job and frees lapsed leases; False when it moved."""

    def recover_pending(self, job: PendingJob) -> bool:
        """Counts a recovery of a pending job; False when it moved."""

    def adopt(self, orphan: Orphan) -> bool:
        """Sets a silent job of another server back to pending; False when it moved."""

    def forget_prompts(self, keep_days: float) -> int:
        """Takes a batch of prompts that ended so long ago out of the rows; the images and jobs it was of."""

    def reconcile_productions(self) -> int:
        """Closes productions whose jobs have all ended; how many."""


class Tally(Protocol):
    """The hourly sums that statistics are read from."""

    def keep_up(self) -> int:
        """Counts hours that are not counted, or were a long time ago, a bounded number; how many."""
