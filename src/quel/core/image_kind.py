"""The shape of a kind: what tells the jobs of a path of their own apart from those of the five paths.

A kind is data beside its path: how its input is read, what its brief says, what its images are called in the
bucket and in the ledger. Stages ask for it by the name of the path.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from quel.core.credits import DESCRIPTION
from quel.core.job import ItemRequest, StageRequest
from quel.core.object_path import OBJECT_NAME
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.rules import ProductionPath
from quel.core.request.fields import Fields
from quel.core.takes import SAME_PICTURE

ReadStages = Callable[[Fields, int], tuple[StageRequest, ...]]
"""Reads the stages of an input; given its keys and total_images, as `read_stages` is."""


class WriteBrief(Protocol):
    """Writes the brief of an image, as `write_prompt` does."""

    def __call__(
        self,
        path: ProductionPath,
        pictures: Sequence[PictureSpec],
        stage: StageRequest,
        item: ItemRequest,
        *,
        number: int,
        of: int,
    ) -> str:
        """What is said after the pictures and their labels."""


WriteLabels = Callable[[ProductionPath, Sequence[PictureSpec], StageRequest], tuple[str, ...]]
"""Writes a label for each picture, as `write_labels` does."""


def _labels(path: ProductionPath, pictures: Sequence[PictureSpec], _stage: StageRequest) -> tuple[str, ...]:
    return write_labels(path, pictures)


@dataclass(frozen=True)
class ImageKind:
    """A path with all that is its own. `read` None: the four job types and the oldest form.

    `temperature` is sent instead of the model's, where it is not None. `description` is the ledger's, and may
    name {number} (from 1) and {path}; `object_name` is the path of a result in the bucket, and may name
    {owner}, {job_id}, {image_no} (from 0) and {degrees}. `needs_user`: somebody must be named to whom the
    images belong. `same_picture`: by so many levels of 255 a take must differ from a reference that it is a
    near copy of, where one was ordered.
    """

    path: ProductionPath
    read: ReadStages | None = None
    brief: WriteBrief = write_prompt
    labels: WriteLabels = _labels
    temperature: float | None = None
    description: str = DESCRIPTION
    object_name: str = OBJECT_NAME
    needs_user: bool = False
    same_picture: float = SAME_PICTURE
