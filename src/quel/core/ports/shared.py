"""What quel's processes share or keep between steps: quota, caches, leases, lists and budgets of bytes."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from quel.core.operator_fault import OperatorFault
from quel.core.outcome import PictureBytes
from quel.core.pipeline import Step
from quel.core.prompting.picture import PictureId
from quel.core.quota import CallResult, Later, Slot


class MemoryBudget(Protocol):
    """Bytes of memory that the threads of a process share."""

    def share(self, wanted_bytes: int) -> AbstractContextManager[None]:
        """Holds that many bytes while the block runs, once they are free, at most the whole budget."""


class PictureFile(Protocol):
    """Pictures of one job kept out of memory, each under what it is."""

    def add(self, which: PictureId, picture: PictureBytes) -> None:
        """Keeps a picture. Raises ServiceUnavailable where the disk is full."""

    def __contains__(self, which: PictureId) -> bool:
        """Whether a picture is kept under this id."""

    def __getitem__(self, which: PictureId) -> PictureBytes:
        """The picture, read anew. Raises KeyError."""

    def __len__(self) -> int:
        """How many are kept."""


class Cancellations(Protocol):
    """The cancel keys of the front end."""

    def is_cancelled(self, job_id: UUID) -> bool:
        """Whether the job's key is set; then its row is made to say so, if quel has the job in hand."""

    def cancelled_among(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those whose key is set; the rows of those that quel has in hand say so from then on."""

    def is_set(self, job_id: UUID) -> bool:
        """Whether the job's key is set; nothing is written."""

    def write(self, job_id: UUID) -> None:
        """Writes to the row of a job that is quel's that it was cancelled."""


class Blobs(Protocol):
    """The cache of bytes between steps."""

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
        """An image waits: notify again when `later` is over, or when a slot becomes free."""

    def block(self, seconds: float) -> None:
        """The provider or the quota keeps everyone away for so long."""

    def slot_is_free(self) -> None:
        """A slot is to be had again: send for one of those that wait."""


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


class Queues(Protocol):
    """What waits on the broker and the raw lists."""

    def waiting(self, step: Step) -> Collection[tuple[UUID, int | None]] | None:
        """(job_id, image_no) of the messages that wait for a step, are delayed or run; None for too many."""

    def backlog(self, step: Step) -> int:
        """The messages of a step that no worker has fetched."""

    def jobs_to_fetch(self) -> set[UUID] | None:
        """The jobs on the raw lists or on the way to fetch_job; None when there are too many to tell."""

    def foreign_ids(self) -> set[UUID] | None:
        """The jobs on other consumers' lists; None when there are too many to tell."""
