"""The neighbours as the stages see them: what each promises, never how.

Adapters implement these and `quel.services` wires them; `quel.sandbox.memory` implements them once more.
Nothing here raises a library's own exception: every method may raise ServiceUnavailable, and those on rows
DatabaseError.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from quel.core.aspect import AspectRatio
from quel.core.attachment import AttachmentPath
from quel.core.call import Call
from quel.core.closing import ClosedJob, Leftovers
from quel.core.deliver_webhook import Answer, Delivery, DeliveryDecision
from quel.core.engines import Maker
from quel.core.fetch_job import ClaimEnd, JobFacts, Start
from quel.core.generate_image import ClaimedImage, InsufficientCredits, Progress, ReroutedImage, Unpayable
from quel.core.kind import Kind
from quel.core.open_paths import OpenPaths
from quel.core.operator_fault import OperatorFault
from quel.core.outcome import GenerateRequest, Outcome, PictureBytes
from quel.core.persist_output import OutputToPersist, PersistEnd
from quel.core.pipeline import ImageState, Step
from quel.core.prepare_inputs import (
    FailedImage,
    Lookahead,
    Preparation,
    PreparationTurn,
    Prepared,
    ReadyImage,
    SetBack,
)
from quel.core.provenance import DigitalSourceType
from quel.core.quota import CallResult, Later, Slot
from quel.core.submission import Submission
from quel.core.sweep_stuck_jobs import OpenJobs, Orphan, PendingJob, ProcessingJob
from quel.core.takes import Signs, TakeRules, TurnedDown

GEMINI_MAKER = Maker()


class Clock(Protocol):
    """Time as it passes for whoever waits."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never fewer than before."""

    def sleep(self, seconds: float) -> None:
        """Returns when so much time has passed."""


class Engine(Protocol):
    """Makes images. The one seam another engine comes in by."""

    def generate(self, request: GenerateRequest, call: Call) -> Outcome:
        """One call to the provider within its deadline; never raises for anything the provider does."""


class MemoryBudget(Protocol):
    """Bytes of memory that the threads of a process share."""

    def share(self, wanted_bytes: int) -> AbstractContextManager[None]:
        """Holds that many bytes while the block runs, once they are free, at most the whole budget."""


class PictureFile(Protocol):
    """Pictures of one job kept out of memory, each under a number."""

    def add(self, number: int, picture: PictureBytes) -> None:
        """Keeps a picture. Raises ServiceUnavailable where the disk is full."""

    def __contains__(self, number: int) -> bool:
        """Whether a picture is kept under this number."""

    def __getitem__(self, number: int) -> PictureBytes:
        """The picture, read anew. Raises KeyError."""

    def __len__(self) -> int:
        """How many are kept."""


class ObjectStorage(Protocol):
    """The bucket with references and results."""

    def read_reference(self, path: str) -> bytes:
        """The object's bytes, `path` as it stands in quel_attach.

        Raises ReferenceUnavailable (with a sentence) when it cannot be had for good, ServiceUnavailable when
        a later try may succeed.
        """

    def write_result(self, path: str, data: bytes) -> None:
        """Puts a WebP at `path`, replacing what is there.

        Raises StorageRefused for good, ServiceUnavailable for now.
        """

    def stored_size_bytes(self, path: str) -> int | None:
        """The size of a result that is stored, None where there is none. Raises ServiceUnavailable."""

    def write_upload(self, path: str, data: bytes, mime_type: str) -> None:
        """Puts a picture a person uploads at `path`. Raises StorageRefused, ServiceUnavailable."""

    def sizes_bytes(self, folder: str) -> dict[str, int]:
        """The objects directly in a folder with their sizes. Raises ServiceUnavailable."""

    def delete_results(self, paths: list[str]) -> None:
        """Removes objects quel wrote; missing ones are no error. Raises ServiceUnavailable."""


class Imaging(Protocol):
    """Decodes, draws and encodes pictures."""

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it: upright, RGB, still, at its own size or the pixel limit's.

        Raises ReferenceUnavailable for what is no readable picture or exceeds the limits.
        """

    def grid(self, pictures: Collection[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """Normalised pictures fitted and centred in ⌈√n⌉ columns, at the grid size of the aspect ratio.

        They are taken one at a time.
        """

    def to_webp(self, data: bytes, source_type: DigitalSourceType) -> bytes:
        """A provider's answer as WebP, quality 90, with sRGB's profile and its source type.

        Raises UnreadablePicture.
        """


class TakeChecker(Protocol):
    """Looks at generated pictures."""

    def look(
        self,
        answer: PictureBytes,
        references: Sequence[tuple[str, PictureBytes]],
        siblings: Callable[[bytes], Sequence[bytes]],
        aspect_ratio: AspectRatio,
    ) -> Signs:
        """What an answer shows, beside the pictures it was made from (by key) and its siblings.

        `siblings` is given the take's own thumbnail for those of the others.

        Raises TakeUnchecked where that cannot be told.
        """


class FetchJobRows(Protocol):
    """The rows of fetch_job."""

    def load(self, job_id: UUID) -> JobFacts | None:
        """The job's facts, or None where there is no such row."""

    def claim(self, facts: JobFacts, start: Start, *, price: int, result_owner: str) -> ClaimEnd:
        """pending → processing with the plan's rows, its credits held; or why not."""

    def defer(self, job_id: UUID) -> None:
        """Notes that quel has a pending job in hand, so that the sweep minds it whatever its age."""

    def unclaimed_kind(self, job_id: UUID) -> Kind | None:
        """The kind of a job quel has no plan of; None where it has one, or there is no such row."""


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

    def reschedule(self, claimed: ClaimedImage, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Lets go of the image for later."""

    def reset(self, claimed: ClaimedImage) -> None:
        """The job's prepared pictures are gone from the cache: prepare them again."""

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
        """An image with its payer and place, as it stands."""

    def begin(self, job_id: UUID, image_no: int, owner: str) -> OutputToPersist | None:
        """An image with its payer and place; one that is made is leased to `owner`, unless it is taken."""

    def deliver(self, delivery: OutputToPersist, size_bytes: int) -> PersistEnd:
        """Attach row, deduction, ledger row, image row and progress in one transaction. Raises RowLocked."""

    def postpone(self, delivery: OutputToPersist, *, object_bytes: int | None) -> float | None:
        """Lets go of a made image; the seconds until it may be tried again, None when it waits no longer."""

    def fail(self, delivery: OutputToPersist, *, code: str, reason: str) -> Progress | None:
        """Ends a made image as failed; None when it no longer waits."""

    def make_again(self, delivery: OutputToPersist, *, broken: bool) -> None:
        """Back to the provider: the bytes are gone, or (`broken`) are no picture."""


class FinalizeJobRows(Protocol):
    """The rows of finalize_job."""

    def close(self, job_id: UUID, *, cancelled: bool = False) -> ClosedJob | None:
        """Closes the job and its production; None while an image is on its way or when it is closed."""

    def leftovers(self, job_id: UUID) -> Leftovers | None:
        """What a job that has ended may have left behind, its open images withdrawn; None for an open one."""

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job as failed."""

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


class WebhookSender(Protocol):
    """Sends webhooks to their receivers."""

    def send(self, delivery: Delivery) -> Answer:
        """One try, signed and within its time; never raises for anything the receiver does."""


class Cancellations(Protocol):
    """The cancel keys of the front end."""

    def is_cancelled(self, job_id: UUID) -> bool:
        """Whether the job's key is set; then its row says so as well, if quel has the job in hand."""

    def cancelled_among(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those whose key is set; the rows of those that quel has in hand say so from then on."""

    def write(self, job_id: UUID) -> None:
        """Writes to the row of a job that is quel's that it was cancelled."""


class Blobs(Protocol):
    """The cache of bytes between stages."""

    def put_input(self, job_id: UUID, digest: str, picture: PictureBytes) -> str:
        """Keeps a picture the provider will be shown; the key. Raises NoRoom."""

    def input_key(self, job_id: UUID, digest: str) -> str:
        """What `put_input` keeps a picture under."""

    def put_output(self, job_id: UUID, image_no: int, picture: PictureBytes) -> None:
        """Keeps the provider's answer; one that is kept already stays. Raises NoRoom."""

    def keep_webp(self, job_id: UUID, image_no: int, webp: bytes) -> None:
        """Keeps an answer as the WebP it will be stored as (type ENCODED), in its place. Raises NoRoom."""

    def output(self, job_id: UUID, image_no: int) -> PictureBytes | None:
        """The provider's answer, if it is kept; as WebP where it is encoded already."""

    def size_bytes(self, keys: Sequence[str]) -> int:
        """What the pictures under `keys` have together; one that is gone has nothing."""

    def inputs_and_output(
        self, keys: Sequence[str], job_id: UUID, image_no: int
    ) -> tuple[list[PictureBytes | None], PictureBytes | None]:
        """A request's pictures and the image's answer; None for what is gone."""

    def has_outputs(self, images: Sequence[tuple[UUID, int]]) -> list[bool]:
        """For each (job_id, image_no), whether its answer is kept."""

    def drop_output(self, job_id: UUID, image_no: int) -> None:
        """Forgets the answer for an image."""

    def exchange_thumbnails(self, job_id: UUID, item: str, image_no: int, thumbnail: bytes) -> list[bytes]:
        """Adds what a take looks like to its item's, and tells those that were there before it.

        Of two at the same moment, one sees the other. Only takes that share an eight (COMPARED) meet.
        """

    def drop_thumbnail(self, job_id: UUID, item: str, image_no: int) -> None:
        """Forgets what a take looked like that was not kept."""

    def drop_job(self, job_id: UUID, picture_keys: Sequence[str], images: int) -> None:
        """Forgets everything of a job."""

    def inputs_full(self) -> bool:
        """Whether no further job should be prepared for now."""


class Quota(Protocol):
    """The provider's quota, shared by all processes."""

    def reserve(self) -> Slot | Later:
        """A slot of one's own, or the word to stay away."""

    def begin(self, slot: Slot) -> Slot | None:
        """Called right before the call; moves a slot whose time has long passed; None: it is void."""

    def give_back(self, slot: Slot) -> None:
        """Returns a slot no call was made with."""

    def report(self, slot: Slot, result: CallResult | OperatorFault, *, pause_s: float = 0.0) -> float:
        """Says how the call went; for how many seconds everyone stays away now."""

    def blocked_for_s(self) -> float:
        """For how long no call may begin: the circuit breaker is open, or the day's quota used up."""

    def keep(self, owners: list[str]) -> None:
        """Prolongs the slots of calls that are still under way."""

    def state(self) -> dict[str, str]:
        """The circuit breaker's state, for people to read."""

    def outputs_full(self) -> bool:
        """Whether too many answers wait to be stored for another call to begin."""

    def out_for_s(self) -> float:
        """For how long the engine has been out for good: no server is fit and well, a day's quota is used up,
        or an operator must mend something. 0 where it is only busy.
        """


class AdmissionController(Protocol):
    """Sends for generate_image when images that had to wait may go."""

    def ask(self, reserve: Callable[[], Slot | Later]) -> Slot | Later:
        """What `reserve` answers; Later with the reason "known" while nobody may call anyway."""

    def blocked_for_s(self) -> float:
        """For how long this process knows that no call may begin."""

    def wait(self, later: Later) -> None:
        """An image waits: notify again when `later` is over, or when a call ends."""

    def block(self, seconds: float) -> None:
        """The provider or the quota keeps everyone away for so long."""

    def call_ended(self) -> bool:
        """A call ended; whether to send for one of those that wait."""


class LeaseRenewal(Protocol):
    """Keeps what a running call holds alive."""

    def held(self, lease: str, slot: Slot, quota: Quota) -> AbstractContextManager[None]:
        """Renews the image's lease, and the slot at its quota, for as long as the block runs."""


class Preparing(Protocol):
    """Keeps the jobs that are being prepared from being taken a second time."""

    def held(self, job_id: UUID) -> AbstractContextManager[None]:
        """Renews the lease of the job for as long as the block runs."""


class Pause(Protocol):
    """Whether an operator has stopped new work."""

    def paused_paths(self) -> frozenset[str]:
        """The paths at which no image may begin; `*` stands for all of them."""

    def notes(self) -> dict[str, dict[str, str]]:
        """What was paused, with since when and why."""


class RejectedEntries(Protocol):
    """What was no job, kept for an operator."""

    def keep(self, entry: bytes, *, source: str, reason: str) -> None:
        """Notes an entry of a raw list with the reason."""


class ForwardList(Protocol):
    """Where ids of jobs quel does not make are passed on to."""

    @property
    def name(self) -> str:
        """The list's name."""

    def pass_on(self, job_id: UUID) -> None:
        """Hands an id over; twice does no harm."""


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


class Queues(Protocol):
    """What waits on the broker and the raw lists."""

    def waiting(self, step: Step) -> Collection[tuple[UUID, int | None]] | None:
        """(job_id, image_no) of the messages that wait for a step, are delayed or run; None for too many."""

    def backlog(self, step: Step) -> int:
        """The messages of a stage that no worker has fetched."""

    def jobs_to_fetch(self) -> set[UUID] | None:
        """The jobs on the raw lists or on the way to fetch_job; None when there are too many to tell."""

    def foreign_ids(self) -> set[UUID] | None:
        """The jobs on other consumers' lists; None when there are too many to tell."""
