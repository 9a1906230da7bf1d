"""sweep_stuck_jobs: looks again at everything that has not moved, from rows alone, once a minute.

It works after Redis has lost everything, and any number of sweeps at once do no more than one: one looks at a
time, and a decision is carried out only on what has not moved since the look. No transaction is open while
Redis is asked. Rows of other programs are left alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import TypeVar
from uuid import UUID

from quel.core.deliver_webhook import MOST_NUDGED
from quel.core.errors import QuelError
from quel.core.fetch_job import PathChoice, choose_path
from quel.core.kinds import OWN_PATHS
from quel.core.pipeline import FINAL_STATES, Step, StepMessage, next_steps
from quel.core.services import Services
from quel.core.sweep_stuck_jobs import (
    Action,
    OpenJobs,
    Orphan,
    PendingJob,
    ProcessingJob,
    SweepContext,
    decide_orphan,
    decide_pending,
    decide_processing,
)
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import announce, clear_away

OpenJob = TypeVar("OpenJob", PendingJob, ProcessingJob, Orphan)


def sweep_stuck_jobs(services: Services) -> tuple[StepMessage, ...]:
    """Repairs what is lost and returns the messages that move it on."""
    everything = _open_jobs(services)
    if everything is None:
        return ()
    key_set = services.cancellations.cancelled_among(everything.job_ids)
    to_close = {*(job.job_id for job in everything.marked), *key_set}
    jobs = everything.without(to_close)
    context = _look_around(services, jobs)
    messages = [StepMessage(Step.FINALIZE_JOB, job_id) for job_id in to_close]
    messages += _judged(jobs.pending, _Pending(services, context))
    messages += _judged(jobs.processing, _Processing(services, context))
    messages += _judged(jobs.orphans, lambda orphan: _orphan(services, orphan, context))
    productions = _unless_in_trouble(services.sweep_stuck_jobs.reconcile_productions)
    forget = partial(services.sweep_stuck_jobs.forget_prompts, services.rules.keep_prompts_d)
    forgotten = _unless_in_trouble(forget)
    _unless_in_trouble(services.tally.keep_up)
    messages += _due_webhooks(services) if services.rules.webhooks.is_set else ()
    emit(
        Event.SWEEP_DONE,
        open=len(everything.job_ids),
        messages=len(messages),
        productions=productions,
        forgotten=forgotten,
    )
    return tuple(dict.fromkeys(messages))


def _open_jobs(services: Services) -> OpenJobs | None:
    """What is open and quel's. The others' lists are read before the rows and after them: an id that was
    taken off meanwhile is in its consumer's hands.
    """
    rules = services.rules
    before = services.queues.foreign_ids()
    found = services.sweep_stuck_jobs.open_jobs(
        rules.stuck_after_s, rules.adopt_within_s, rules.intake.default_path
    )
    if found is None:
        return None
    after = services.queues.foreign_ids()
    return found.ours(None if before is None or after is None else before | after)


def _unless_in_trouble(tidy: Callable[[], int]) -> int:
    """How much was tidied up; trouble there keeps no job's message back."""
    try:
        return tidy()
    except QuelError as error:
        emit(Event.ACTOR_FAILED, code=error.code, reason=str(error), retries=0)
        return 0


def _due_webhooks(services: Services) -> tuple[StepMessage, ...]:
    """The messages for webhooks that are due, as far as the queue has not enough of them already."""
    due: list[UUID] = []

    def look() -> int:
        services.deliver_webhook.forget()
        room = MOST_NUDGED - services.queues.backlog(Step.DELIVER_WEBHOOK)
        due.extend(services.deliver_webhook.due(room) if room > 0 else ())
        return len(due)

    _unless_in_trouble(look)
    return tuple(StepMessage(Step.DELIVER_WEBHOOK, job_id) for job_id in due)


def _look_around(services: Services, jobs: OpenJobs) -> SweepContext:
    rules = services.rules
    return SweepContext(
        stuck_after_s=rules.stuck_after_s,
        max_recoveries=rules.max_recoveries,
        flow_silent_s=jobs.flow_silent_s,
        provider_blocked=any(
            lane.quota.blocked_for_s() > 0 or lane.quota.outputs_full() for lane in services.lanes
        ),
        closed_paths=services.pause.paused_paths() | frozenset(rules.intake.disabled_paths),
        inputs_full=services.blobs.inputs_full(),
        prepared_up_to=jobs.prepared_up_to,
    )


def _judged(jobs: Iterable[OpenJob], judge: Callable[[OpenJob], Iterable[StepMessage]]) -> list[StepMessage]:
    """What each job asks for; one about which something goes wrong is looked at again in a minute."""
    messages: list[StepMessage] = []
    for job in jobs:
        try:
            messages += judge(job)
        except QuelError as error:
            with log_context(job_id=job.job_id):
                emit(Event.ACTOR_FAILED, code=error.code, reason=str(error), retries=0)
    return messages


class _Pending:
    """Judges pending jobs by the queues, which are looked through once, when there is a job to judge."""

    def __init__(self, services: Services, context: SweepContext) -> None:
        self._services, self._context = services, context
        self._on_queues = cache(services.queues.jobs_to_fetch)

    def __call__(self, found: PendingJob) -> Iterator[StepMessage]:
        services, context = self._services, self._context
        choice = choose_path((found.path,), services.rules.intake)
        job = found
        if isinstance(choice, PathChoice) and found.path not in OWN_PATHS:
            job = replace(found, path=choice.path)
        on_queues = self._on_queues()
        decision = decide_pending(job, context, on_a_queue=on_queues is None or job.job_id in on_queues)
        if decision.action is Action.CLOSE:
            yield from _give_up(services, job, context)
        elif decision.action is Action.RECOVER:
            if not services.sweep_stuck_jobs.recover_pending(job):
                return
            _tell_recovery(job.job_id, job.path, "pending on no queue")
        yield from decision.messages


class _Processing:
    """Judges claimed jobs; each queue is looked through once, when there is a job to judge by it."""

    def __init__(self, services: Services, context: SweepContext) -> None:
        self._services, self._context = services, context
        self._messages = cache(services.queues.waiting)

    def __call__(self, job: ProcessingJob) -> Iterator[StepMessage]:
        services, context = self._services, self._context
        decision = decide_processing(job, context, self._waits)
        if decision.action is Action.CLOSE:  # a worker may have died between keeping an answer and saying so
            states = services.sweep_stuck_jobs.states(job.job_id)
            still_open = [(job.job_id, no) for no, state in states if state not in FINAL_STATES]
            job = replace(job, kept_bytes=any(services.blobs.has_outputs(still_open)))
            decision = decide_processing(job, context, self._waits)
        if decision.action is Action.CLOSE:
            yield from _give_up(services, job, context)
        elif decision.action is Action.RECOVER:
            if not services.sweep_stuck_jobs.recover(job):
                return
            _tell_recovery(job.job_id, job.path, "lease ran out" if job.lapsed else "no progress")
            yield from next_steps(job.job_id, services.sweep_stuck_jobs.states(job.job_id))
        yield from decision.messages

    def _waits(self, message: StepMessage) -> bool | None:
        messages = self._messages(message.step)
        return None if messages is None else (message.job_id, message.image_no) in messages


def _orphan(services: Services, orphan: Orphan, context: SweepContext) -> Iterator[StepMessage]:
    if decide_orphan(orphan, context) is Action.CLOSE:
        yield from _give_up(services, orphan, context)
    elif services.sweep_stuck_jobs.adopt(orphan):
        _tell_recovery(orphan.job_id, None, "left behind by another server")
        yield StepMessage(Step.FETCH_JOB, orphan.job_id)


def _tell_recovery(job_id: UUID, path: str | None, cause: str) -> None:
    with log_context(job_id=job_id, path=path):
        emit(Event.JOB_RECOVERED, cause=cause)


def _give_up(services: Services, job: OpenJob, context: SweepContext) -> tuple[StepMessage, ...]:
    job_id = job.job_id
    reason = (
        f"It was taken up again {context.max_recoveries} times without bringing a new image,"
        " and was closed with what it had."
    )
    with log_context(job_id=job_id):
        closed = services.finalize_job.give_up(job, code="stuck", reason=reason)
        if closed is None:
            return ()
        with log_context(path=closed.path):
            emit(Event.IMAGE_FAILED, code="stuck", reason=reason, images=closed.given_up)
        announce(closed)
        return clear_away(services, job_id, closed.leftovers)
