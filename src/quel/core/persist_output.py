"""A finished picture on its way into the customer's hands: what is needed, and how it can end."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.engines import GEMINI
from quel.core.generate_image import InsufficientCredits, Progress
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.provenance import DigitalSourceType, source_type

LEASE_S = 60.0
"""For how long a message has an image to itself; a dead worker's messages come back no earlier (Dramatiq)."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Between two tries at one image; doubled from try to try."""

KEEP_TOO_LARGE_S = 24 * 3600.0
"""From the planning of an image: so long an operator may raise a limit its picture exceeds; then it fails."""

TOO_LARGE = "storage_size"
"""The fault of a bucket or gateway that takes no file as large as the picture."""

ENCODED = "image/webp; encoded=quel"
"""The type of an answer that is kept as the WebP it will be stored as."""


@dataclass(frozen=True)
class OutputToPersist:
    """An image and everything its storing and charging needs. `price` is in credits, 0 where it `is_free`.

    `begun` says that it is this message's to store: no other one is at it, and its pause is over. `starts`
    counts the messages that began since the last orderly end, this one included. `object_bytes` is the size
    of an object that is stored already. `age_s` counts from when the image was planned. `references_shown`
    counts the customer's pictures that the engine was shown; `as_given` says that the image is one of them,
    and no engine's. `series` is that of its plan.
    """

    job_id: UUID
    image_no: int
    state: ImageState
    job_status: JobStatus
    path: str
    stage: int
    broken_answers: int
    production_id: UUID | None
    payer_kind: PayerKind
    payer_id: UUID
    ledger_member_id: UUID
    price: int
    result_path: str
    references_shown: int = 0
    begun: bool = True
    starts: int = 1
    object_bytes: int | None = None
    age_s: float = 0.0
    engine: str = GEMINI
    series: int | None = None
    is_free: bool = False
    as_given: bool = False

    @property
    def source_type(self) -> DigitalSourceType | None:
        """What the picture says of its origin; nothing where it was not generated."""
        return None if self.as_given else source_type(self.references_shown)

    def outlasts(self, fault: str, pause_s: float) -> bool:
        """Whether a picture that is too large has waited long enough, with pauses as long as they get."""
        is_old = self.age_s > KEEP_TOO_LARGE_S and pause_s >= LONGEST_PAUSE_S
        return fault == TOO_LARGE and is_old


@dataclass(frozen=True)
class Delivered:
    """Stored, charged and counted. `balance` is the payer's after this very deduction, None without one.

    `followers` are images that waited for this one, the first of their series to be stored.
    """

    attach_id: int
    balance: int | None
    progress: Progress
    followers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stale:
    """Somebody else was faster: the image is stored already, failed or cancelled, or its job has ended.

    `state` is what to take it for: `failed` where its row is gone, `cancelled` where its job has ended; still
    `made` when the job was set back to pending: the image is delivered after its new claim.
    """

    state: ImageState


PersistEnd = Delivered | InsufficientCredits | Stale
