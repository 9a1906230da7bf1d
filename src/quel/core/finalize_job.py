"""How a job and its production end, decided from the states of the images."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from quel.core.job import JobStatus
from quel.core.pipeline import FINAL_STATES, ImageState

CANCELLED_STATUSES = frozenset({JobStatus.CANCELLED, JobStatus.USER_CANCELLED})
OPEN_STATUSES = frozenset({JobStatus.PENDING, JobStatus.PROCESSING})


_LONGEST_MESSAGE = 4_000  # characters: an input may name thousands of references that are left out


@dataclass(frozen=True)
class ImageEnd:
    """One image as it stands: `attach_id` where it is stored, `reason` where it failed."""

    image_no: int
    state: ImageState
    attach_id: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class JobEnd:
    """What the job's row says when it is closed. `attach_ids` are in plan order."""

    status: JobStatus
    completed_images: int
    failed_images: int
    attach_ids: tuple[int, ...]
    error_message: str | None


def settle(
    images: Sequence[ImageEnd],
    *,
    total_images: int,
    warnings: Collection[str],
    cancelled: bool,
    extra_attach_ids: Sequence[int] = (),
) -> JobEnd | None:
    """The job's end, or None while an image is still on its way.

    `cancelled` says that the row itself is marked as cancelled. `total_images` is what was ordered.
    `extra_attach_ids` were made by another server beyond the plan: they stay in the row, behind the plan's.
    """
    if any(image.state not in FINAL_STATES for image in images):
        return None
    stored = [image for image in images if image.state is ImageState.STORED]
    failed = [image for image in images if image.state is ImageState.FAILED]
    planned_ids = [image.attach_id for image in stored if image.attach_id is not None]
    attach_ids = tuple(dict.fromkeys((*planned_ids, *extra_attach_ids)))
    cancelled = cancelled or any(image.state is ImageState.CANCELLED for image in images)
    sentences = _sentences(images, failed, cancelled)
    if cancelled:
        status, failures = JobStatus.USER_CANCELLED, len(failed)
    elif stored:
        status, failures = JobStatus.COMPLETED, len(failed)
    else:
        status, failures = JobStatus.FAILED, max(total_images, 0)
    message = " ".join((*sentences, *warnings))[:_LONGEST_MESSAGE] or None
    return JobEnd(status, len(stored), failures, attach_ids, message)


def refused(reason: str, *, total_images: int) -> JobEnd:
    """The end of a job that was never started."""
    return JobEnd(JobStatus.FAILED, 0, max(total_images, 0), (), reason)


def _sentences(images: Sequence[ImageEnd], failed: Sequence[ImageEnd], cancelled: bool) -> list[str]:
    sentences = ["The job was cancelled."] if cancelled else []
    by_reason: dict[str, list[int]] = defaultdict(list)
    for image in failed:
        by_reason[image.reason or "The reason is not known."].append(image.image_no + 1)
    for reason, numbers in by_reason.items():
        sentences.append(f"{_which(numbers, len(images))} failed: {reason}")
    return sentences


def _which(numbers: Sequence[int], total: int) -> str:
    if len(numbers) == total:
        return "The image" if total == 1 else f"All {total} images"
    if len(numbers) == 1:
        return f"Image {numbers[0]} of {total}"
    return f"Images {', '.join(str(number) for number in numbers[:-1])} and {numbers[-1]} of {total}"


def settle_production(job_statuses: Collection[JobStatus]) -> JobStatus:
    """The status of a production from those of all its jobs: open until the last one has ended."""
    if any(status in OPEN_STATUSES for status in job_statuses):
        return JobStatus.PROCESSING
    if JobStatus.COMPLETED in job_statuses:
        return JobStatus.COMPLETED
    if any(status in CANCELLED_STATUSES for status in job_statuses):
        return JobStatus.USER_CANCELLED
    return JobStatus.FAILED


def merge_attach_ids(existing: Sequence[object], new: Sequence[int]) -> tuple[list[object], int]:
    """The production's ids with the new ones behind them, none twice; and how many were really new.

    Whatever else stands in `existing` is the product's and stays as it is.
    """
    added = [attach_id for attach_id in new if attach_id not in existing]
    return [*existing, *added], len(added)
