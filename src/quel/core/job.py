"""What a job is, as values: the request a customer made and the plan quel makes of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from quel.core.aspect import AspectRatio
from quel.core.engines import Route

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
    where the picture came without one; `where` is the JSON key it stood at, for messages.
    """

    attach_id: int | None
    type: str | None
    where: str


@dataclass(frozen=True)
class ItemRequest:
    """One combination of a stage: `quantity` images alike but for their variation.

    `angle`, `shot` and `fx` are the customer's own words (a path maps spellings onto its vocabulary). Angle
    and shot are empty where they ordered none: then no prompt makes an order of them.
    `quantity` None means "a share of what the others leave of total_images".
    """

    angle: str
    shot: str
    quantity: int | None
    fx: str | None = None


@dataclass(frozen=True)
class StageRequest:
    """The images that share references, prompt and aspect ratio.

    Stages of the same `series` were ordered as one: their images share set, light and grade.
    """

    prompt: str
    aspect_ratio: AspectRatio
    references: tuple[RequestedReference, ...]
    items: tuple[ItemRequest, ...]
    negative_prompt: str = ""
    pre_edited: bool | None = None  # eats only; None where the input says nothing
    series: int | None = None


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
    """

    image_no: int
    stage: int
    item: int
    number: int
    seed: int
    series: int | None = None

    @property
    def follows(self) -> bool:
        """Whether it is shown the first image of its series, as long as that does not fail."""
        return self.series is not None and self.series != self.image_no


@dataclass(frozen=True)
class JobPlan:
    """Every image a job will make, in order; `ordered` is the total_images the customer sees.

    `route` is its path's as it was when the job was claimed.
    """

    request: JobRequest
    images: tuple[ImagePlan, ...]
    ordered: int
    route: Route = field(default_factory=Route)
