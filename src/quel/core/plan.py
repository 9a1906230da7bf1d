"""Turns a request into the exact images to make; never more than was ordered or than a job may hold.

In plan order, which is stage, then item, then number:

1. An item without a quantity gets an even share of what the others leave of total_images, the first items
   the remainder. Where total_images is 0 or less there is nothing to share out, and it gets one image.
2. A single_batch that asks for less than total_images is filled up with the last combination that asks for
   any: a quantity of 0 asks for none and stays so. Other types make what they ask for.
3. What exceeds total_images is cut off at the end. A total_images of 0 or less cuts nothing.

The limit on a job applies to total_images, and where that is 0 or less to what the quantities ask for. So
an order above the limit is refused even when its input asks for less, and quantities above it are harmless
where total_images cuts them.
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from quel.core.job import ImagePlan, JobPlan, JobRequest, JobType, Problem

LARGEST_SEED = 2**31 - 1


def make_plan(
    request: JobRequest, *, total_images: int, job_id: uuid.UUID, max_images: int
) -> JobPlan | tuple[Problem, ...]:
    """Between one and `max_images` images, or the Problem why there is no such plan.

    `ordered` of the plan is total_images where that is above 0, else the number of images planned. Nothing
    is allocated for images beyond the limit, whatever the quantities say.
    """
    counts = _counts(request, total_images)
    ordered = total_images if total_images > 0 else sum(counts)
    if ordered > max_images:
        return (_over_limit(ordered, max_images, total_images),)
    counts = _cut(counts, ordered)
    if not any(counts):
        return (Problem("quantity", "The job asks for no image: every quantity is 0."),)
    return JobPlan(request, _images(request, counts, job_id), ordered)


def _counts(request: JobRequest, total_images: int) -> list[int]:
    """How many images each item asks for, in plan order, before anything is cut."""
    quantities = [item.quantity for stage in request.stages for item in stage.items]
    counts = _shared_out(quantities, total_images)
    is_turn_around = any(stage.view is not None for stage in request.stages)  # each of its angles once
    if request.job_type is JobType.SINGLE_BATCH and not is_turn_around:
        return _filled_up(counts, total_images)
    return counts


def _shared_out(quantities: Sequence[int | None], total_images: int) -> list[int]:
    sharers = sum(quantity is None for quantity in quantities)
    if total_images <= 0:
        shares = iter([1] * sharers)
    else:
        left = max(0, total_images - sum(quantity or 0 for quantity in quantities))
        shares = iter([(left + sharers - 1 - place) // sharers for place in range(sharers)])
    return [next(shares) if quantity is None else quantity for quantity in quantities]


def _filled_up(counts: list[int], total_images: int) -> list[int]:
    missing = total_images - sum(counts)
    if missing <= 0 or not any(counts):
        return counts
    last = max(place for place, count in enumerate(counts) if count)
    return [*counts[:last], counts[last] + missing, *counts[last + 1 :]]


def _cut(counts: list[int], ordered: int) -> list[int]:
    before = accumulate(counts, initial=0)
    return [min(count, max(0, ordered - already)) for count, already in zip(counts, before, strict=False)]


def _images(request: JobRequest, counts: list[int], job_id: uuid.UUID) -> tuple[ImagePlan, ...]:
    places = [(stage, item) for stage, asked in enumerate(request.stages) for item in range(len(asked.items))]
    numbered = [
        (stage, item, number)
        for (stage, item), count in zip(places, counts, strict=True)
        for number in range(count)
    ]
    seeds = _seeds(job_id, len(numbered))
    series = _series([request.stages[stage].series for stage, *_ in numbered])
    return tuple(
        _image(request, image_no, place, seeds[image_no], series[image_no])
        for image_no, place in enumerate(numbered)
    )


def _image(
    request: JobRequest, image_no: int, place: tuple[int, int, int], seed: int, series: int | None
) -> ImagePlan:
    stage, item, _ = place
    asked = request.stages[stage].items[item]
    return ImagePlan(image_no, *place, seed, series=series, is_free=asked.is_free, degrees=asked.degrees)


def _series(ordered: list[int | None]) -> list[int | None]:
    """For each image the first one of its series; None where it is in none, or alone in one."""
    first: dict[int | None, int] = {}
    for image_no, one in enumerate(ordered):
        first.setdefault(one, image_no)
    several = {one for one, count in Counter(ordered).items() if count > 1 and one is not None}
    return [first[one] if one in several else None for one in ordered]


def further_seeds(job_id: uuid.UUID, already: int, count: int) -> list[int]:
    """Seeds of that many images after the first `already`, none of which has one of these."""
    return _seeds(job_id, already + count)[already:]


def _seeds(job_id: uuid.UUID, count: int) -> list[int]:
    """Seeds from 1 to LARGEST_SEED, each its own: the same job gives the same image the same seed."""
    taken: dict[int, None] = {}
    for image_no in range(count):
        attempt = 0
        while (seed := seed_of(job_id, image_no, attempt)) in taken:
            attempt += 1
        taken[seed] = None
    return list(taken)


def seed_of(job_id: uuid.UUID, image_no: int, attempt: int) -> int:
    """The seed of an image's first take, and from attempt 1 on of the next ones."""
    digest = hashlib.sha256(f"{job_id}:{image_no}:{attempt}".encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % LARGEST_SEED


def _over_limit(ordered: int, max_images: int, total_images: int) -> Problem:
    asks = f"total_images is {ordered}" if total_images > 0 else f"The quantities ask for {ordered} images"
    key = "total_images" if total_images > 0 else "quantity"
    return Problem(key, f"{asks}, but a job may hold at most {max_images} (QUEL_MAX_IMAGES_PER_JOB).")
