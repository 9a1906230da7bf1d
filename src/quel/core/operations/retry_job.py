"""Which images of an ended job are made again, and why not: decided from the rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from quel.core.credits import Payer, PayerKind, account_gone, cannot_afford
from quel.core.fetch_job import Decision, Foreign, IntakePolicy, JobFacts, Refuse, Start, decide
from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import ImagePlan, JobPlan, JobStatus
from quel.core.kind import not_made_here
from quel.core.pipeline import ImageState


@dataclass(frozen=True)
class EndedJob:
    """A job that quel planned, as it stands. `images` are its (image_no, state), `price` is in credits.

    `is_closed` says that its end is written; `balance` is the payer's, None where that account is gone or,
    for an organization, no longer active; `held` is what its open jobs may still cost. Without `prompts_kept`
    its plan has lost the customer's words. The images of `free` cost nothing.
    """

    job_id: UUID
    status: JobStatus
    is_closed: bool
    images: tuple[tuple[int, ImageState], ...]
    price: int
    payer_kind: PayerKind
    payer_id: UUID
    balance: int | None
    held: int = 0
    prompts_kept: bool = True
    free: frozenset[int] = frozenset()

    def charged(self, image_nos: Sequence[int]) -> int:
        """How many of these images are to be paid for."""
        return len(frozenset(image_nos) - self.free)


@dataclass(frozen=True)
class Missing:
    """All images that have not been delivered, or only the failed ones (not those that were cancelled)."""

    failed_only: bool = False


@dataclass(frozen=True)
class TheseImages:
    """Images by number, from 1 as in messages to customers; those that were delivered are left out."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Again:
    """One more of each of these images, which were delivered and stay as they are; counted from 1."""

    numbers: tuple[int, ...]


Which = Missing | TheseImages | Again


def which_images(numbers: Sequence[int] | None, *, failed_only: bool, again: bool) -> Which:
    """Which are meant where these are named, each once; without any, those that are missing."""
    if not numbers:
        return Missing(failed_only)
    once_each = tuple(dict.fromkeys(numbers))
    return Again(once_each) if again else TheseImages(once_each)


@dataclass(frozen=True)
class Objection:
    """Why nothing is made again, as a sentence. `is_well` where nothing is missing."""

    reason: str
    is_well: bool = False


def images_to_make(job: EndedJob, which: Missing | TheseImages) -> tuple[int, ...] | Objection:
    """The image_nos to plan again, in order; the payer must be able to pay for all of them."""
    if objection := why_not_now(job):
        return objection
    match which:
        case TheseImages(numbers):
            chosen = _several(job.images, numbers)
        case _:
            chosen = _missing(job.images, which)
    if isinstance(chosen, Objection):
        return chosen
    return why_unpayable(job, job.charged(chosen)) or chosen


def why_not_now(job: EndedJob) -> Objection | None:
    """Why a job that has not ended is not taken up."""
    if job.status in OPEN_STATUSES:
        return Objection(f"The job is still {job.status}: only a job that has ended is taken up again.")
    if not job.is_closed:
        return Objection("The job is being cancelled at this moment: try again when it has ended.")
    return None


def _several(images: Sequence[tuple[int, ImageState]], numbers: Sequence[int]) -> tuple[int, ...] | Objection:
    found = [_one(images, number) for number in sorted(set(numbers))]
    objections = [each for each in found if isinstance(each, Objection)]
    wrong = next((each for each in objections if not each.is_well), None)
    chosen = tuple(image_no for each in found if not isinstance(each, Objection) for image_no in each)
    return wrong or chosen or objections[0]


def _one(images: Sequence[tuple[int, ImageState]], number: int) -> tuple[int, ...] | Objection:
    states = dict(images)
    state = states.get(number - 1)
    if state is None:
        return Objection(f"The job has no image {number}: its plan has {len(states)}.")
    if state is ImageState.STORED:
        return Objection(f"Image {number} was delivered: nothing is missing.", is_well=True)
    return (number - 1,)


def _missing(images: Sequence[tuple[int, ImageState]], which: Missing) -> tuple[int, ...] | Objection:
    wanted = {ImageState.FAILED} if which.failed_only else {ImageState.FAILED, ImageState.CANCELLED}
    chosen = tuple(image_no for image_no, state in images if state in wanted)
    if chosen:
        return chosen
    return Objection(
        f"No image of the job {'has failed' if which.failed_only else 'is missing'}.", is_well=True
    )


def why_unpayable(job: EndedJob, images: int) -> Objection | None:
    """Why its payer cannot pay for that many images."""
    if job.balance is None:
        return Objection(account_gone(job.payer_kind))
    payer = Payer(job.payer_kind, job.payer_id, job.balance, job.payer_id)
    reason = cannot_afford(payer, images, job.price, held=job.held)
    return Objection(reason) if reason else None


def plan_from_input(planned: JobPlan, facts: JobFacts, policy: IntakePolicy) -> JobPlan | Objection:
    """The job's plan once more, from its input, for one that has lost the words.

    Images that were added since at its end are like images before them, and are added again.
    """
    decision = decide(replace(facts, status=JobStatus.PENDING), policy)
    if isinstance(decision, Refuse):
        return Objection(decision.reason)
    if isinstance(decision, Start):
        images = decision.plan.images
        added = planned.images[len(images) :]
        if len(images) <= len(planned.images) and {*map(_place, added)} <= {*map(_place, images)}:
            return replace(
                decision.plan, images=(*images, *added), ordered=decision.plan.ordered + len(added)
            )
    return Objection(
        "The job's prompts are no longer kept, and its input does not give the same images any more:"
        " order it anew."
    )


def _place(image: ImagePlan) -> tuple[int, int, int]:
    return image.stage, image.item, image.number


def decide_anew(facts: JobFacts, policy: IntakePolicy) -> Decision | Objection:
    """What fetch_job would do with a job without a plan; or why that is not asked of it."""
    decision = decide(replace(facts, status=JobStatus.PENDING), policy)
    if isinstance(decision, Refuse):
        return Objection(decision.reason)
    if isinstance(decision, Foreign):
        return Objection(decision.why or not_made_here(decision.kind))
    if isinstance(decision, Start) and len(decision.stored_attach_ids) >= len(decision.plan.images):
        return Objection("No image of the job is missing.", is_well=True)
    return decision
