"""What prepare_inputs knows of a job, and what it hands to the images."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.aspect import AspectRatio
from quel.core.job import JobPlan, JobStatus
from quel.core.pipeline import ImageState

DOWNLOADS_AT_ONCE = 6
"""References of one job that are fetched side by side, in each worker thread."""

MOST_TRIES = 7
"""About a minute of growing pauses: then a reference that Storage alone cannot hand out counts as missing."""

PAUSE_S = 60.0
"""What a job waits whose references cannot be had at all, before it is tried anew."""


@dataclass(frozen=True)
class Preparation:
    """A claimed job: its plan and where each of its images stands."""

    job_id: UUID
    path: str
    status: JobStatus
    plan: JobPlan
    states: tuple[tuple[int, ImageState], ...]

    @property
    def planned(self) -> frozenset[int]:
        """The image_nos that still need their pictures and prompt."""
        return frozenset(image_no for image_no, state in self.states if state is ImageState.PLANNED)


@dataclass(frozen=True)
class ReadyImage:
    """Everything a provider call needs, the pictures by the keys their bytes are kept under."""

    image_no: int
    prompt: str
    picture_keys: tuple[str, ...]
    aspect_ratio: AspectRatio
    seed: int
    may_stay_near: bool = False

    def request(self) -> dict[str, object]:
        """The JSON that the image's row keeps."""
        return {
            "prompt": self.prompt,
            "picture_keys": list(self.picture_keys),
            "aspect_ratio": [self.aspect_ratio.width, self.aspect_ratio.height],
            "seed": self.seed,
            "may_stay_near": self.may_stay_near,
        }


@dataclass(frozen=True)
class FailedImage:
    """An image that cannot be made, before anything was spent on it."""

    image_no: int
    code: str
    reason: str
