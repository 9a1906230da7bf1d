"""What is left to tell and to clear away once a job is closed; how it closes is said in finalize_job.py."""

from collections.abc import Sequence
from dataclasses import dataclass

from quel.core.finalize_job import ImageEnd, JobEnd
from quel.core.pipeline import ImageState


@dataclass(frozen=True)
class MergedIds:
    """How many ids the production had and how many came to them."""

    existing: int
    new: int


@dataclass(frozen=True)
class Leftovers:
    """What an ended job of `images` images may have left: prepared pictures, answers, objects of no row.

    `dropped` are the images that had been made and were not stored: an object of theirs may be in the bucket.
    `withdrawn` counts the images that were still open when somebody else had ended the job; `webhooks` those
    that are to be delivered.
    """

    images: int
    picture_keys: tuple[str, ...]
    dropped: tuple[int, ...]
    withdrawn: int = 0
    webhooks: int = 0


def leftovers(images: Sequence[ImageEnd], *, withdrawn: int = 0, webhooks: int = 0) -> Leftovers:
    """What the images of an ended job may have left."""
    unwanted = {ImageState.FAILED, ImageState.CANCELLED}
    return Leftovers(
        images=len(images),
        picture_keys=tuple(dict.fromkeys(key for image in images for key in image.picture_keys)),
        dropped=tuple(image.image_no for image in images if image.is_paid and image.state in unwanted),
        withdrawn=withdrawn,
        webhooks=webhooks,
    )


@dataclass(frozen=True)
class ClosedJob:
    """A job that has just been closed, with the `credits` taken for it.

    `merged` is None for a job without a production, `path` for a job that was never started; `seconds` count
    from started_at; `given_up` is the number of images that were failed to close it.
    """

    end: JobEnd
    path: str | None
    seconds: float
    credits: int
    leftovers: Leftovers
    merged: MergedIds | None
    given_up: int = 0
