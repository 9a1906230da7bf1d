"""An image whose turn it is, and how far its job has come.

What follows an answer is decided in core/retry.py, whether a take is good in core/takes.py.
"""

from dataclasses import dataclass
from uuid import UUID

from quel.core.aspect import AspectRatio
from quel.core.engines import Maker
from quel.core.job import JobStatus
from quel.core.models import SIZES
from quel.core.series import ROLE
from quel.core.submission import Submission
from quel.core.takes import TurnedDown


@dataclass(frozen=True)
class ClaimedImage:
    """An image that this worker holds the lease of, with everything one provider call needs.

    `attempts` counts its failing calls so far, `broken_answers` those without a readable picture. `lease`
    is the owner token that proves the hold. `starts` counts how often it was claimed since that last ended in
    order, this time included. `submission` is what was last handed to a server for it. `may_stay_near` says
    that a near copy of a reference was ordered; `rerolls` counts the bad takes so far, the last of which is
    `turned_down`. With `as_given` the first picture is the image itself, and nobody makes one. `series` is
    that of its plan, `lead` the attachment of the image it follows.
    """

    job_id: UUID
    image_no: int
    path: str
    stage: int
    job_status: JobStatus
    prompt: str
    picture_keys: tuple[str, ...]
    aspect_ratio: AspectRatio
    seed: int
    attempts: int
    broken_answers: int
    lease: str
    negative_prompt: str = ""
    roles: tuple[str, ...] = ()
    submission: Submission | None = None
    starts: int = 1
    labels: tuple[str, ...] = ()
    image_size: str = SIZES[0]
    item: int = 0
    may_stay_near: bool = False
    rerolls: int = 0
    turned_down: TurnedDown | None = None
    temperature: float | None = None
    as_given: bool = False
    model: str = ""
    steps: int | None = None
    cfg: float | None = None
    series: int | None = None
    lead: int | None = None

    @property
    def follows(self) -> bool:
        """Whether the last of its pictures is that of the image it follows."""
        return self.roles[-1:] == (ROLE,)


@dataclass(frozen=True)
class Unpayable:
    """Whose turn it was, had its payer the credits for one more image beside those that are on their way.

    `is_dry` where the balance covers no image at all; else one of those may still fail and leave its credits.
    """

    job_id: UUID
    image_no: int
    path: str
    is_dry: bool


@dataclass(frozen=True)
class ReroutedImage:
    """An image that its route's fallback will make; it is to be prepared anew."""

    job_id: UUID
    image_no: int
    path: str
    maker: Maker


@dataclass(frozen=True)
class Progress:
    """How a job stands after an image ended; `remaining` images are still on their way.

    The `stage_…` counts are those of the image's own stage; `seconds` have passed since the job was claimed.
    """

    stored: int
    failed: int
    remaining: int
    planned: int
    stage_stored: int
    stage_remaining: int
    stage_planned: int
    seconds: float


@dataclass(frozen=True)
class InsufficientCredits:
    """The payer could not pay: `images` of the job have failed for this `reason`, a sentence."""

    progress: Progress
    images: int
    reason: str
