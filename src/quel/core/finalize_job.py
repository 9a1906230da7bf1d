"""How a job and its production end, decided from what their rows and the job's images say."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from quel.core.job import JobStatus
from quel.core.pipeline import FINAL_STATES, ImageState
from quel.core.request.values import attach_ids

CANCELLED_STATUSES = frozenset({JobStatus.CANCELLED, JobStatus.USER_CANCELLED})
OPEN_STATUSES = frozenset({JobStatus.PENDING, JobStatus.PROCESSING})

_LONGEST_MESSAGE = 4_000  # characters: an input may name thousands of references that are left out
_MOST_MISSING = 1_000  # a hostile total_images must not fill the memory


@dataclass(frozen=True)
class ImageEnd:
    """One image as it stands: `attach_id` where it is stored, `reason` where it failed.

    `picture_keys` are those of the pictures it was prepared with; `is_paid` says that a provider made it.
    One that `is_free` costs its customer nothing.
    """

    image_no: int
    state: ImageState
    attach_id: int | None = None
    reason: str | None = None
    picture_keys: tuple[str, ...] = ()
    is_paid: bool = False
    is_free: bool = False


@dataclass(frozen=True)
class ClosingFacts:
    """A job's row, quel's own row of it and its images, read under the job's lock.

    `has_completed_at`: quel writes it when it closes a job, but somebody who cancels one may have written it
    too. `generated_attach_ids` is whatever stands in the row. quel has a plan of a job that `is_claimed`; of
    another it knows no images, path, price or warnings.
    """

    job_id: UUID
    status: JobStatus
    has_completed_at: bool
    is_claimed: bool
    total_images: int
    generated_attach_ids: object
    images: tuple[ImageEnd, ...] = ()
    extra_attach_ids: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    production_id: UUID | None = None
    path: str | None = None
    price: int = 0
    input_images: int = 0

    @property
    def credits(self) -> int:
        """What the images that were delivered cost."""
        stored = (image for image in self.images if image.state is ImageState.STORED)
        return self.price * sum(not image.is_free for image in stored)


@dataclass(frozen=True)
class CloseJob:
    """Close the job if nothing of it is on its way; `cancelled` ends what is."""

    cancelled: bool = False


@dataclass(frozen=True)
class RefuseJob:
    """Close a job that was not begun, with what it has."""

    reason: str


@dataclass(frozen=True)
class GiveUpJob:
    """Fail what is on its way and close the job with what it has."""

    code: str
    reason: str


Intent = CloseJob | RefuseJob | GiveUpJob


@dataclass(frozen=True)
class JobEnd:
    """What the job's row says when it is closed. `attach_ids` are in plan order."""

    status: JobStatus
    completed_images: int
    failed_images: int
    attach_ids: tuple[int, ...]
    error_message: str | None


def decide(facts: ClosingFacts, intent: Intent) -> JobEnd | None:
    """The job's end, or None where there is nothing to write: it has ended, or is not over yet."""
    if not _is_open(facts):
        return None
    match intent:
        case RefuseJob(reason):
            return _unplanned_end(facts, reason) if facts.status is JobStatus.PENDING else None
        case GiveUpJob(reason=reason) if not facts.is_claimed:
            return _unplanned_end(facts, reason)
        case CloseJob() if not withdraws(facts, intent):
            if not facts.is_claimed or facts.status is JobStatus.PENDING:
                return None  # it is not begun, or is to be begun again
    return settle(
        _ended_images(facts, intent) if facts.is_claimed else _adopted(facts),
        total_images=facts.total_images,
        warnings=facts.warnings,
        cancelled=facts.status in CANCELLED_STATUSES or (withdraws(facts, intent) and not facts.images),
        extra_attach_ids=facts.extra_attach_ids,
    )


def withdraws(facts: ClosingFacts, intent: Intent) -> bool:
    """Whether the images that are on their way end as cancelled."""
    return isinstance(intent, CloseJob) and (intent.cancelled or facts.status in CANCELLED_STATUSES)


def ended_elsewhere(facts: ClosingFacts) -> JobEnd:
    """The end of a job whose row somebody else has closed: as the row says, with what quel had delivered."""
    stored = [image.attach_id for image in facts.images if image.state is ImageState.STORED]
    failed = sum(image.state is ImageState.FAILED for image in facts.images)
    ids = (*(attach_id for attach_id in stored if attach_id is not None), *facts.extra_attach_ids)
    return JobEnd(facts.status, len(stored), failed, tuple(dict.fromkeys(ids)), None)


def _is_open(facts: ClosingFacts) -> bool:
    """Whether quel has not closed the job. A cancelled job with completed_at is open while an image is."""
    if facts.status not in CANCELLED_STATUSES:
        return facts.status in OPEN_STATUSES
    return not facts.has_completed_at or any(image.state not in FINAL_STATES for image in facts.images)


def _ended_images(facts: ClosingFacts, intent: Intent) -> list[ImageEnd]:
    def ended(image: ImageEnd) -> ImageEnd:
        if image.state in FINAL_STATES:
            return image
        if isinstance(intent, GiveUpJob):
            return replace(image, state=ImageState.FAILED, reason=intent.reason)
        return replace(image, state=ImageState.CANCELLED) if withdraws(facts, intent) else image

    return [ended(image) for image in facts.images]


def _unplanned_end(facts: ClosingFacts, reason: str) -> JobEnd | None:
    """The end of a job that is not (or no longer) planned: what it had stays, the rest failed."""
    ends = _adopted(facts)
    if not ends:
        return refused(reason, total_images=facts.total_images)
    missing = range(len(ends), facts.total_images)[:_MOST_MISSING]
    ends += [ImageEnd(number, ImageState.FAILED, reason=reason) for number in missing]
    return settle(
        ends, total_images=facts.total_images, warnings=() if missing else (reason,), cancelled=False
    )


def _adopted(facts: ClosingFacts) -> list[ImageEnd]:
    """What another server made for a job that quel has no plan of."""
    ids = attach_ids(facts.generated_attach_ids)
    return [ImageEnd(number, ImageState.STORED, attach_id) for number, attach_id in enumerate(ids)]


def settle(
    images: Sequence[ImageEnd],
    *,
    total_images: int,
    warnings: Collection[str],
    cancelled: bool,
    extra_attach_ids: Sequence[int] = (),
) -> JobEnd | None:
    """The job's end, or None while an image is still on its way.

    One stored image makes it completed; a failed job counts all that was ordered as failed.
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
