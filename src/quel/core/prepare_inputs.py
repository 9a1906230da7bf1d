"""Which job is prepared next, what prepare_inputs knows of it, and what it hands to the images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from quel.core.aspect import AspectRatio
from quel.core.engines import Maker
from quel.core.job import JobPlan, JobStatus
from quel.core.models import SIZES
from quel.core.pipeline import ImageState

DOWNLOADS_AT_ONCE = 6
"""References of one job that are fetched side by side, in each worker thread."""

MOST_TRIES = 7
"""About a minute of growing pauses: then a reference that Storage alone cannot hand out counts as missing."""

LEASE_S = 30.0
"""How long a preparation keeps others from its job when it is not renewed: its worker was killed."""

PAUSE_S = 60.0
"""What a job waits whose references cannot be had at all, before it is tried anew."""

FULL_CACHE_PAUSE_S = 5.0
"""What a job waits whose pictures found no room."""

AHEAD = 64
"""How many images of a path may be ready before a job's first one: then the job is not prepared yet."""

_FIRST_PAUSE_S = 0.5


def pause_s(postponed: int) -> float:
    """How long a preparation is put off that was put off `postponed` times in a row before."""
    return PAUSE_S if postponed >= MOST_TRIES else min(_FIRST_PAUSE_S * 2**postponed, PAUSE_S / 2)


@dataclass(frozen=True)
class Lookahead:
    """Whose turn may be taken: a job of one of these paths, with fewer than `ahead` images ready before it.

    Those of `closed` paths, at which no image may begin now, come last. `pictures` says whether there is room
    for pictures; without, only jobs of words alone are prepared.
    """

    paths: tuple[str, ...]
    closed: tuple[str, ...] = ()
    pictures: bool = True
    ahead: int = AHEAD


@dataclass(frozen=True)
class PreparationTurn:
    """The job whose turn it is, leased to the taker alone.

    `starts` counts how often it was begun since it last ended in order, this time included; `postponed` how
    often in a row it was put off. `others_wait` says that more jobs are planned.
    """

    job_id: UUID
    starts: int
    postponed: int
    others_wait: bool


@dataclass(frozen=True)
class SetBack:
    """A job whose images are planned once more, and the keys of the pictures that they need no longer."""

    job_id: UUID
    picture_keys: tuple[str, ...]


@dataclass(frozen=True)
class Preparation:
    """A claimed job: its plan, where each of its images stands, and what makes it."""

    job_id: UUID
    path: str
    status: JobStatus
    plan: JobPlan
    states: tuple[tuple[int, ImageState], ...]
    makers: Mapping[int, Maker] = field(default_factory=dict)

    def maker(self, image_no: int) -> Maker:
        """What makes an image: the plan's route said, unless it was rerouted since."""
        return self.makers.get(image_no, self.plan.route.maker)

    @property
    def replaced(self) -> tuple[str, ...]:
        """What defaults stand for that the input says unreadably, as sentences."""
        return tuple(replaced.message for replaced in self.plan.request.replaced)

    @property
    def planned(self) -> frozenset[int]:
        """The image_nos that still need their pictures and prompt."""
        return frozenset(image_no for image_no, state in self.states if state is ImageState.PLANNED)


@dataclass(frozen=True)
class ReadyImage:
    """Everything a provider call needs, the pictures by the keys their bytes are kept under.

    `labels` are said right before the pictures, one each; the prompt says all that matters without them too.
    `takes_lead` says that there is room for one more picture, of the image it follows in its series.
    """

    image_no: int
    prompt: str
    picture_keys: tuple[str, ...]
    aspect_ratio: AspectRatio
    seed: int
    negative_prompt: str = ""
    roles: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    image_size: str = SIZES[0]
    may_stay_near: bool = False
    takes_lead: bool = False

    def request(self) -> dict[str, object]:
        """The JSON that the image's row keeps."""
        return {
            "prompt": self.prompt,
            "picture_keys": list(self.picture_keys),
            "labels": list(self.labels),
            "image_size": self.image_size,
            "aspect_ratio": [self.aspect_ratio.width, self.aspect_ratio.height],
            "seed": self.seed,
            "negative_prompt": self.negative_prompt,
            "roles": list(self.roles),
            "may_stay_near": self.may_stay_near,
            "takes_lead": self.takes_lead,
        }


@dataclass(frozen=True)
class Prepared:
    """How a preparation ended: the image_nos that became ready, and whether others were put back meanwhile.

    Their own messages found this one at the job and left them to it.
    """

    ready: tuple[int, ...] = ()
    others_wait: bool = False


@dataclass(frozen=True)
class FailedImage:
    """An image that cannot be made, before anything was spent on it."""

    image_no: int
    code: str
    reason: str


def series_unkept(model: str) -> str:
    """The warning of a job whose images cannot be shown the one they should be like."""
    return f"consistent could not be kept for every image: {model} takes no further picture beside theirs."


def smaller_than_asked(asked: str | None, made: str, model: str) -> tuple[str, ...]:
    """The warning of a job whose images come smaller than it asks for, since the model has no such size."""
    if asked is None or SIZES.index(made) >= SIZES.index(asked):
        return ()
    return (f"imageSize {asked} is more than {model} makes: the images are made at {made}.",)
