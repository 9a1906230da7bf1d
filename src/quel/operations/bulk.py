"""Retries or cancels every job that is meant: what it comes to is told first, then each is done, once.

An act is a row with its jobs, worked off in batches by whoever holds its lock: the verb that began it, or a
worker. What is declined for one job keeps no other back, and each leaves its own line in the operator log.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from quel.core.errors import Conflict, DatabaseError, Declined, NotFound
from quel.core.fetch_job import JobFacts, Start
from quel.core.operations.bulk import (
    Batch,
    Bulk,
    BulkAction,
    BulkEstimate,
    BulkOrder,
    JobCost,
    MeantJob,
    check_expected,
    estimate,
)
from quel.core.operations.cancel_job import CancelOutcome
from quel.core.operations.retry_job import Missing, Objection, decide_anew, plan_from_input
from quel.core.pipeline import WHOEVER, Step, StepMessage
from quel.operations.action_log import recorded
from quel.operations.cancel_job import cancel_jobs
from quel.operations.retry_job import NothingMissing, retry_job
from quel.operations.services import OperatorServices

BATCH = 100
"""Jobs that are done before others' acts have their turn."""

_MOST_REASONS = 20
_OTHER_REASONS = "Other reasons: `quel actions` has them."
_ENDED = "It had ended already."
_GONE = "There is no such job any more."

Told = Callable[[int], object]
"""Is told how many jobs of an act have been done with."""


def estimate_bulk(services: OperatorServices, order: BulkOrder) -> BulkEstimate:
    """What an order comes to, with what its payers have now.

    Raises InvalidInput where it does not say which jobs, or names a status that cannot be meant,
    SettingsError, ServiceUnavailable, DatabaseError, QuestionTooLong.
    """
    cost = _retry_cost if order.action is BulkAction.RETRY else _cancel_cost
    costs = [cost(services, job) for job in services.bulk.meant(order)]
    payers = {job.payer for job in costs if job.payer is not None}
    return estimate(costs, services.bulk.rooms(sorted(payers)) if payers else {})


def begin_bulk(
    services: OperatorServices, order: BulkOrder, found: BulkEstimate, *, expected: int | None = None
) -> Bulk:
    """Writes the act down; it goes on from here whatever becomes of the caller (`send_bulk`, `work_off`).

    Raises Conflict where `expected` jobs are not nearly as many as are meant, and as `estimate_bulk`.
    """
    if expected is not None:
        check_expected(found, expected)
    services.check_redis()
    told = {"jobs": len(found.job_ids), "images": found.images, "credits": found.credits, "name": order.name}
    with recorded(services, f"bulk {order.action}", target=told):
        return services.bulk.begin(order, found, services.actor)


def send_bulk(services: OperatorServices) -> str | None:
    """Has workers look after the acts; or says why that is left to the next minute's look."""
    return services.send([StepMessage(Step.RUN_BULK, WHOEVER)])


def find_bulk(services: OperatorServices, bulk_id: UUID) -> Bulk:
    """An act as it stands. Raises NotFound, SettingsError, ServiceUnavailable, DatabaseError."""
    found = services.bulk.find(bulk_id)
    if found is None:
        raise NotFound(f"There is no bulk act {bulk_id}.")
    return found


def latest_bulks(services: OperatorServices, *, most: int) -> list[Bulk]:
    """At most so many acts, the latest first. Raises as `find_bulk`."""
    return services.bulk.latest(most)


def stop_bulk(services: OperatorServices, bulk_id: UUID) -> Bulk:
    """Ends an act: at most the job that is being retried, or the batch that is being cancelled, goes on.

    Raises Conflict where it has ended, and as `find_bulk`.
    """
    find_bulk(services, bulk_id)
    with recorded(services, "bulk stop", target={"bulk_id": str(bulk_id)}):
        if not services.bulk.stop(bulk_id):
            raise Conflict("It has ended already.")
    return find_bulk(services, bulk_id)


def work_off(
    services: OperatorServices, bulk_id: UUID, *, most: int = BATCH, tell: Told = lambda _: None
) -> bool:
    """Does the next `most` jobs of an act in the name of who ordered it; whether there are more.

    False also where somebody else is at it. Raises SettingsError, ServiceUnavailable, DatabaseError.
    """
    with services.bulk.exclusive(bulk_id) as only_one:
        batch = services.bulk.take(bulk_id, most) if only_one else None
        if batch is None:
            return False
        act = _retry if batch.action is BulkAction.RETRY else _cancel
        goes_on = act(services.acting_as(batch.by), batch, tell)
        services.bulk.let_go(bulk_id)
        return goes_on


def work_off_one(services: OperatorServices) -> bool:
    """A batch of the act that has waited longest and that nobody is at; whether there may be more to do."""
    return any(work_off(services, bulk_id) for bulk_id in services.bulk.unfinished())


def _retry(services: OperatorServices, batch: Batch, tell: Told) -> bool:
    others = Counter(batch.others)
    for number, job_id in enumerate(batch.job_ids, start=1):
        may_be_done = batch.interrupted and number == 1
        reason = _retry_one(services, job_id, failed_only=batch.failed_only, may_be_done=may_be_done)
        _count(others, reason)
        position = batch.position + number
        goes_on = services.bulk.advance(batch.bulk_id, position=position, done=int(not reason), others=others)
        tell(position)
        if not goes_on:
            return False
    return True


def _retry_one(services: OperatorServices, job_id: UUID, *, failed_only: bool, may_be_done: bool) -> str:
    """Why a job was not taken up, or nothing. What ended in its midst before has perhaps done it already."""
    if may_be_done and any(not view.has_ended for view in services.job_list.jobs_by_id([job_id])):
        return ""
    try:
        retried = retry_job(services, job_id, Missing(failed_only))
    except (Declined, DatabaseError) as error:
        return str(error)
    return retried.reason if isinstance(retried, NothingMissing) else ""


def _cancel(services: OperatorServices, batch: Batch, tell: Told) -> bool:
    others, done = Counter(batch.others), 0
    for job in cancel_jobs(services, batch.job_ids, wait_s=0.0).jobs:
        if job.outcome in (CancelOutcome.CANCELLED, CancelOutcome.CANCELLING):
            done += 1
        else:
            _count(others, _ENDED if job.status else _GONE)
    position = batch.position + len(batch.job_ids)
    goes_on = services.bulk.advance(batch.bulk_id, position=position, done=done, others=others)
    tell(position)
    return goes_on


def _count(others: Counter[str], reason: str) -> None:
    """Many jobs may each have a reason of its own, with figures in it."""
    if reason:
        others[reason if reason in others or len(others) < _MOST_REASONS else _OTHER_REASONS] += 1


def _cancel_cost(services: OperatorServices, job: MeantJob) -> JobCost:
    return replace(_as_planned(services, job), payer=None)  # nobody is asked to pay


def _retry_cost(services: OperatorServices, job: MeantJob) -> JobCost:
    """As `retry_job` would decide, and from the plan's own columns where those tell it."""
    if job.price is not None and job.prompts_kept:
        return _as_planned(services, job)
    facts = services.fetch_job.load(job.job_id)
    if facts is None:
        return JobCost(job.job_id, objection=_GONE)
    return _as_fetched(services, job, facts) if job.price is None else _wordless(services, job, facts)


def _as_planned(services: OperatorServices, job: MeantJob) -> JobCost:
    policy = services.rules.intake
    price = policy.price if job.price is None else job.price
    usd = policy.usd_of(job.image_size, policy.routing.capability(job.maker, job.model))
    return JobCost(job.job_id, job.images, price, usd, job.payer, free=job.free, as_given=job.as_given)


def _wordless(services: OperatorServices, job: MeantJob, facts: JobFacts) -> JobCost:
    plan = plan_from_input(services.retry_job.plan_of(job.job_id), facts, services.rules.intake)
    if isinstance(plan, Objection):
        return JobCost(job.job_id, objection=plan.reason)
    return _as_planned(services, job)


def _as_fetched(services: OperatorServices, job: MeantJob, facts: JobFacts) -> JobCost:
    policy = services.rules.intake
    decision = decide_anew(facts, policy)
    if isinstance(decision, Objection):
        return JobCost(job.job_id, objection=decision.reason)
    if not isinstance(decision, Start):  # its path is switched off: it waits
        return _as_planned(services, job)
    size, maker = decision.plan.request.image_size, decision.plan.route.maker
    capability = policy.routing.capability(maker, decision.plan.model)
    missing = decision.plan.images[len(decision.stored_attach_ids) :]
    stages = decision.plan.request.stages
    payer = decision.payer.kind, decision.payer.account_id
    return JobCost(
        job.job_id,
        len(missing),
        policy.price_of(size, capability),
        policy.usd_of(size, capability),
        payer,
        free=len(missing) - decision.charged_images,
        as_given=sum(stages[image.stage].items[image.item].as_given for image in missing),
    )
