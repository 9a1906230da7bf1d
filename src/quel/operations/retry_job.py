"""Makes what is missing of an ended job, each image with the plan it had, or one more of delivered images.

A job that has no plan is run.

The cancel key goes first and the message last: what fails in between leaves nothing that runs, or rows that
the sweep takes up.
"""

from dataclasses import dataclass
from uuid import UUID

from quel.core.errors import Conflict, NotFound
from quel.core.fetch_job import JobFacts
from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import JobPlan
from quel.core.kind import MADE_HERE, not_made_here
from quel.core.operations.make_again import make_again
from quel.core.operations.retry_job import (
    Again,
    EndedJob,
    Missing,
    Objection,
    TheseImages,
    Which,
    decide_anew,
    images_to_make,
    plan_from_input,
)
from quel.core.pipeline import Step, StepMessage
from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class PlannedAgain:
    """The images that are made again, counted from 1, for at most so many `credits`."""

    images: tuple[int, ...]
    credits: int
    unsent: str | None


@dataclass(frozen=True)
class FetchedAnew:
    """A job without a plan is on its way to fetch_job; `was_open`: it had never ended."""

    was_open: bool
    unsent: str | None


@dataclass(frozen=True)
class NothingMissing:
    """There is nothing to make again, and why."""

    reason: str


@dataclass(frozen=True)
class OneMoreOfEach:
    """Images added to the job: the number of each, from 1, and that of the delivered one it is like."""

    images: tuple[tuple[int, int], ...]
    credits: int
    unsent: str | None


Retried = PlannedAgain | OneMoreOfEach | FetchedAnew | NothingMissing
"""`unsent` says why workers could not be told, if so; then the next sweep takes the job up."""


def retry_job(services: OperatorServices, job_id: UUID, which: Which) -> Retried:
    """Takes a job up again. What was delivered stays as it is; what is delivered now is charged as always.

    Raises NotFound, Conflict where the job is not to be taken up or its payer cannot pay, and SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    with recorded(services, "retry", [job_id], target=_told(which)):
        return _retry(services, job_id, which)


def _told(which: Which) -> dict[str, object]:
    match which:
        case Again(numbers):
            return {"images": [*numbers], "again": True}
        case TheseImages(numbers):
            return {"images": [*numbers]}
        case _:
            return {"failed_only": which.failed_only}


def _retry(services: OperatorServices, job_id: UUID, which: Which) -> Retried:
    services.check_redis()
    facts = services.fetch_job.load(job_id)
    if facts is None:
        raise NotFound(f"There is no job {job_id}.")
    if facts.kind not in MADE_HERE:
        raise Conflict(not_made_here(facts.kind))
    ended = services.retry_job.load(job_id)
    if ended is None:
        return _retry_unplanned(services, facts, which)
    if isinstance(which, Again):
        return _make_again(services, ended, facts, which)
    return _plan_again(services, ended, facts, which)


def _retry_unplanned(
    services: OperatorServices, facts: JobFacts, which: Which
) -> FetchedAnew | NothingMissing:
    if which != Missing():
        raise Conflict("quel has no plan of this job, so it has no images to choose from: retry it whole.")
    return _fetch_anew(services, facts)


def _plan_again(
    services: OperatorServices, job: EndedJob, facts: JobFacts, which: Missing | TheseImages
) -> PlannedAgain | NothingMissing:
    chosen = images_to_make(job, which)
    if isinstance(chosen, Objection):
        return _nothing_missing(chosen)
    plan = None if job.prompts_kept else _plan_with_words(services, job, facts)
    services.cancellations.clear(job.job_id)
    problem = services.retry_job.reopen(job, chosen, plan)
    if problem:
        raise Conflict(problem)
    unsent = services.send([StepMessage(Step.PREPARE_INPUTS, job.job_id)])
    return PlannedAgain(tuple(image_no + 1 for image_no in chosen), job.charged(chosen) * job.price, unsent)


def _make_again(services: OperatorServices, job: EndedJob, facts: JobFacts, which: Again) -> OneMoreOfEach:
    plan = _plan_with_words(services, job, facts)
    made = make_again(job, plan, which.numbers, services.rules.intake.max_images)
    if isinstance(made, Objection):
        raise Conflict(made.reason)
    services.cancellations.clear(job.job_id)
    problem = services.retry_job.add(job, made)
    if problem:
        raise Conflict(problem)
    unsent = services.send([StepMessage(Step.PREPARE_INPUTS, job.job_id)])
    added = tuple((one.image.image_no + 1, one.of + 1) for one in made.images)
    return OneMoreOfEach(added, made.charged * job.price, unsent)


def _plan_with_words(services: OperatorServices, job: EndedJob, facts: JobFacts) -> JobPlan:
    """The job's plan; made from its input again where it has lost the words. Raises Conflict."""
    planned = services.retry_job.plan_of(job.job_id)
    plan = planned if job.prompts_kept else plan_from_input(planned, facts, services.rules.intake)
    if isinstance(plan, Objection):
        raise Conflict(plan.reason)
    return plan


def _fetch_anew(services: OperatorServices, facts: JobFacts) -> FetchedAnew | NothingMissing:
    job_id, is_open = facts.job_id, facts.status in OPEN_STATUSES
    if is_open and services.lost_jobs.find(job_id) is None:
        raise Conflict(f"The job is still {facts.status}: only a job that has ended is taken up again.")
    decision = decide_anew(facts, services.rules.intake)
    if isinstance(decision, Objection):
        return _nothing_missing(decision)
    services.cancellations.clear(job_id)
    moved = (
        services.lost_jobs.take_in_hand(job_id)
        if is_open
        else services.retry_job.reopen_unplanned(job_id, facts.status)
    )
    if not moved:
        raise Conflict("The job moved at this very moment: look at it and try again.", code="moved")
    return FetchedAnew(is_open, services.send([StepMessage(Step.FETCH_JOB, job_id)]))


def _nothing_missing(objection: Objection) -> NothingMissing:
    """Raises Conflict where the objection says more than that."""
    if not objection.is_well:
        raise Conflict(objection.reason)
    return NothingMissing(objection.reason)
