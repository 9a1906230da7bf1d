"""fetch_job: reads and validates a job, checks its payer, claims it. A second message changes nothing.

What is not quel's to make is passed on or refused before anything of it is parsed or any payer looked at.
"""

from uuid import UUID

from quel.core.fetch_job import (
    AlreadyClaimed,
    Cancelled,
    Claimed,
    ClaimedMeanwhile,
    Defer,
    Foreign,
    PathChoice,
    Refuse,
    Skip,
    Start,
    choose_path,
    decide,
)
from quel.core.fetch_job import JobFacts as Facts
from quel.core.job import JobStatus
from quel.core.kind import MADE_HERE, Kind, foreign_reason
from quel.core.object_path import result_owner
from quel.core.pipeline import Step, StepMessage, next_steps
from quel.core.services import Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import announce, tell_receivers


class UnknownJob(Exception):
    """No row has this id, or not yet: a message may be ahead of the row it speaks of."""


def fetch_job(services: Services, job_id: UUID) -> tuple[StepMessage, ...]:
    """Claims a pending job and plans it. Raises UnknownJob where there is no such row."""
    facts = services.fetch_job.load(job_id)
    if facts is None:
        raise UnknownJob
    choice = choose_path((facts.job_path, facts.production_path), services.rules.intake, facts.kind)
    path = choice.path if isinstance(choice, PathChoice) and facts.kind in MADE_HERE else None
    with log_context(path=path):
        return _decide(services, facts)


def _decide(services: Services, facts: Facts) -> tuple[StepMessage, ...]:
    job_id = facts.job_id
    emit(Event.JOB_FETCHED, type=facts.job_type, status=facts.status.value, ordered=facts.total_images)
    decision = decide(facts, services.rules.intake)
    if not isinstance(decision, Skip | Foreign) and services.cancellations.is_cancelled(job_id):
        decision = Cancelled()
    match decision:
        case Start():
            return _start(services, facts, decision)
        case Refuse():
            return _refuse(services, job_id, decision)
        case Foreign(kind, why):
            return _leave_to_others(services, job_id, kind, why)
        case Defer(path):
            services.fetch_job.defer(job_id)
            emit(Event.JOB_PARKED, path=path)
        case Skip(status):
            emit(Event.JOB_IGNORED, status=status.value)
        case Cancelled():
            if facts.status is JobStatus.PENDING:  # a processing one may be another program's
                services.cancellations.write(job_id)
            return (StepMessage(Step.FINALIZE_JOB, job_id),)
        case AlreadyClaimed():
            return _look_again(services, job_id)
    return ()


def _refuse(services: Services, job_id: UUID, refusal: Refuse) -> tuple[StepMessage, ...]:
    closed = services.finalize_job.refuse(job_id, refusal.reason)
    if closed is None:
        return ()
    emit(Event.JOB_REFUSED, code=refusal.code, reason=refusal.reason, images=closed.end.failed_images)
    announce(closed)
    return tell_receivers(job_id, closed.leftovers)


def _start(services: Services, facts: Facts, start: Start) -> tuple[StepMessage, ...]:
    if start.path.fell_back_from is not None:
        emit(Event.PATH_FALLBACK, unknown_path=start.path.fell_back_from)
    owner = result_owner(start.plan.request.user_id, facts.member_id)
    capability = services.rules.capability(start.plan.route.maker, start.plan.model)
    price = services.rules.intake.price_of(start.plan.request.image_size, capability)
    match services.fetch_job.claim(facts, start, price=price, result_owner=owner):
        case Claimed():
            _tell_plan(facts, start)
            return _look_again(services, facts.job_id)
        case ClaimedMeanwhile():
            emit(Event.JOB_IGNORED, status="claimed by another message")
        case Refuse() as refusal:
            return _refuse(services, facts.job_id, refusal)
    return ()


def _tell_plan(facts: Facts, start: Start) -> None:
    for replaced in start.plan.request.replaced:
        emit(Event.INPUT_REPLACED, key=replaced.key)
    emit(
        Event.PLAN_MADE,
        type=facts.job_type,
        images=len(start.plan.images),
        stages=len(start.plan.request.stages),
        adopted=len(start.stored_attach_ids),
        payer=start.payer.kind.value,
    )


def _leave_to_others(services: Services, job_id: UUID, kind: Kind, why: str) -> tuple[StepMessage, ...]:
    """Passes a job on to the program that makes its kind, or refuses it where no such program is known."""
    forward_list = services.forward_list
    if forward_list is None:
        return _refuse(services, job_id, Refuse("foreign_kind", foreign_reason(kind, why)))
    forward_list.pass_on(job_id)
    services.fetch_job.leave(job_id)
    emit(Event.JOB_FORWARDED, kind=kind.value, list=forward_list.name)
    return ()


def _look_again(services: Services, job_id: UUID) -> tuple[StepMessage, ...]:
    preparation = services.prepare_inputs.load(job_id)
    if preparation is None:
        return ()
    return next_steps(job_id, preparation.states)
