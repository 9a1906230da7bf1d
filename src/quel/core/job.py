"""What a job is, as values: the request a customer made and the plan quel makes of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from quel.core.aspect import AspectRatio
from quel.core.engines import Route

Place = tuple[str | int, ...]
"""Where a value stands in a job's input: keys, and places in lists from 0."""

DEFAULT_PROMPT = "best quality, masterpiece"
"""The base prompt of an input that has none: a text that wishes for nothing."""


class JobType(StrEnum):
    """The values of quel_production_jobs.job_type."""

    SINGLE_BATCH = "single_batch"
    PIPELINE_STAGE = "pipeline_stage"
    SIMPLE_GENERAL = "simple_general"
    SIMPLE_PORTRAIT = "simple_portrait"


class JobStatus(StrEnum):
    """The values of the database type job_status_enum."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    USER_CANCELLED = "user_cancelled"


@dataclass(frozen=True)
class RequestedReference:
    """One picture the customer picked, as the input names it.

    `attach_id` is None where the entry has no readable attachId; `type` is trimmed and lower case, None
    where the picture came without one; `where` is the JSON key it stood at, for messages. A picture whose
    bytes stand in the input itself is named by its `place` there, and its bytes by nothing. `address` is an
    object's public address, which counts where the attachment cannot be had.
    """

    attach_id: int | None
    type: str | None
    where: str
    place: Place = ()
    address: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether it names a picture."""
        return self.attach_id is not None or bool(self.place or self.address)


@dataclass(frozen=True)
class ItemRequest:
    """One combination of a stage: `quantity` images alike but for their variation.

    `angle`, `shot` and `fx` are the customer's own words (a path maps spellings onto its vocabulary). Angle
    and shot are empty where they ordered none: then no prompt makes an order of them.
    `quantity` None means "a share of what the others leave of total_images". `degrees` are those of a view
    round a subject. `is_free`: delivered without a charge; `as_given`: the first picture shown is the image,
    and nobody is asked to make one; `stays_near`: a near copy of a reference is what was ordered.
    """

    angle: str
    shot: str
    quantity: int | None
    fx: str | None = None
    degrees: int | None = None
    is_free: bool = False
    as_given: bool = False
    stays_near: bool = False


@dataclass(frozen=True)
class View:
    """How a subject is gone round: its `category` (empty for none), and whether the place turns as well."""

    category: str
    place_turns: bool


@dataclass(frozen=True)
class Area:
    """What strokes of one colour mark in a picture that is changed, and what becomes of it.

    `colour` and `prompt` are the customer's own words; without a prompt the stage's stands for it.
    `reference` is the `where` of the picture that guides this area alone, empty where there is none.
    """

    colour: str
    prompt: str = ""
    reference: str = ""


@dataclass(frozen=True)
class EngineWish:
    """The model that a job names, by whatever id, and how it is to sample; empty where it names none."""

    model_id: str = ""
    steps: int | None = None
    cfg: float | None = None


@dataclass(frozen=True)
class StageRequest:
    """The images that share references, prompt and aspect ratio.

    `view` is set for one of a turn-around, `areas` for an in-painting. Stages of the same `series` were
    ordered as one: their images share set, light and grade.
    """

    prompt: str
    aspect_ratio: AspectRatio
    references: tuple[RequestedReference, ...]
    items: tuple[ItemRequest, ...]
    negative_prompt: str = ""
    pre_edited: bool | None = None  # eats only; None where the input says nothing
    series: int | None = None
    areas: tuple[Area, ...] = ()
    view: View | None = None
    wish: EngineWish | None = None


@dataclass(frozen=True)
class Replaced:
    """A default that stands for what cannot be read: a sentence for the customer that names the key."""

    key: str
    message: str


@dataclass(frozen=True)
class JobRequest:
    """A job's input, every job type and age brought to one shape.

    `replaced` is what it was read without. `image_size` is one of models.SIZES, None where the job leaves it
    to QUEL_IMAGE_SIZE.
    """

    job_type: JobType
    stages: tuple[StageRequest, ...]
    user_id: str | None
    replaced: tuple[Replaced, ...] = ()
    image_size: str | None = None

    @property
    def wish(self) -> EngineWish | None:
        """The model it names, if it names one."""
        return next((stage.wish for stage in self.stages if stage.wish), None)

    @property
    def is_text_only(self) -> bool:
        """Whether the provider is shown no picture, so that none need be fetched or kept."""
        return not any(stage.references for stage in self.stages)


@dataclass(frozen=True)
class Problem:
    """Why an input cannot be run: a sentence for the customer that names the key."""

    key: str
    message: str


@dataclass(frozen=True)
class ImagePlan:
    """One image to make.

    `image_no` counts from 0 in plan order (stage, then combination, then number) and is the image's
    identity. `stage` and `item` index into JobRequest.stages and StageRequest.items; `number` counts the
    images of one item from 0; `seed` fits a positive 31-bit integer and differs between images of a job.
    `series` is the image_no of the first image of the series it belongs to, None where it stands alone.
    `is_free` and `degrees` are the item's: the price of an image and its place in the bucket are frozen here.
    """

    image_no: int
    stage: int
    item: int
    number: int
    seed: int
    is_free: bool = False
    degrees: int | None = None
    series: int | None = None

    @property
    def follows(self) -> bool:
        """Whether it is shown the first image of its series, as long as that does not fail."""
        return self.series is not None and self.series != self.image_no


@dataclass(frozen=True)
class JobPlan:
    """Every image a job will make, in order; `ordered` is the total_images the customer sees.

    `route` is its path's as it was when the job was claimed; `model` is Gemini's where the job has its own.
    """

    request: JobRequest
    images: tuple[ImagePlan, ...]
    ordered: int
    route: Route = field(default_factory=Route)
    model: str = ""
