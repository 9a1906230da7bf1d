"""Delivered images made once more: each an image of its own at the end of the plan, like the one it is of.

What was delivered and charged stays as it is. The new image has a seed of its own, is charged as any other
(the price is the job's), and follows the series of the one it is of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from quel.core.job import ImagePlan, JobPlan
from quel.core.operations.retry_job import EndedJob, Objection, why_not_now, why_unpayable
from quel.core.pipeline import ImageState
from quel.core.plan import further_seeds


@dataclass(frozen=True)
class OneMore:
    """A new image at the end of a plan, like the image `of` (an image_no)."""

    of: int
    image: ImagePlan


@dataclass(frozen=True)
class MadeAgain:
    """What is added, and the plan with it."""

    images: tuple[OneMore, ...]
    plan: JobPlan

    @property
    def charged(self) -> int:
        """How many of them are to be paid for."""
        return sum(not one.image.is_free for one in self.images)


def make_again(
    job: EndedJob, plan: JobPlan, numbers: Sequence[int], max_images: int
) -> MadeAgain | Objection:
    """One more of each of these images, counted from 1; the payer must be able to pay for all of them."""
    objection = why_not_now(job) or _why_not_these(job, plan, numbers)
    if objection:
        return objection
    if len(plan.images) + len(numbers) > max_images:
        has = len(plan.images)
        return Objection(f"The job has {has} images already, and no job may have more than {max_images}.")
    made = _added(job.job_id, plan, [number - 1 for number in numbers])
    return why_unpayable(job, made.charged) or made


def _why_not_these(job: EndedJob, plan: JobPlan, numbers: Sequence[int]) -> Objection | None:
    states = dict(job.images)
    for number in numbers:
        state = states.get(number - 1)
        if state is None:
            return Objection(f"The job has no image {number}: its plan has {len(states)}.")
        if state is not ImageState.STORED:
            return Objection(f"Image {number} was not delivered: it is made without being asked for again.")
        image = plan.images[number - 1]
        if plan.request.stages[image.stage].items[image.item].as_given:
            return Objection(f"Image {number} is the picture that was given: there is nothing to make.")
    return None


def _added(job_id: UUID, plan: JobPlan, sources: Sequence[int]) -> MadeAgain:
    first = len(plan.images)
    seeds = further_seeds(job_id, first, len(sources))
    added = tuple(
        OneMore(of, replace(plan.images[of], image_no=first + place, seed=seed))
        for place, (of, seed) in enumerate(zip(sources, seeds, strict=True))
    )
    images = (*plan.images, *(one.image for one in added))
    return MadeAgain(added, replace(plan, images=images, ordered=plan.ordered + len(added)))
