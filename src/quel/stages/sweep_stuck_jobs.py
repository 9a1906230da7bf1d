"""sweep_stuck_jobs: looks again at everything that has not moved, from rows alone, once a minute.

It works after Redis has lost everything, and any number of sweeps at once do no more than one.
"""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from quel.core.intake import choose_path
from quel.core.job import Problem
from quel.core.steps import ImageState, Nudge, Stage
from quel.core.stuck import (
    Action,
    OpenJobs,
    Surroundings,
    judge_orphan,
    judge_pending,
    judge_processing,
)
from quel.observe.events import Event, emit
from quel.observe.logs import about
from quel.stages.closing import announce, clear_away
from quel.stages.services import Services

_BACKLOGS = (Stage.PREPARE_INPUTS, Stage.PERSIST_OUTPUT, Stage.FINALIZE_JOB)


def sweep_stuck_jobs(services: Services) -> tuple[Nudge, ...]:
    """Repairs what is lost and returns the messages that move it on."""
    rules = services.rules
    with services.sweeps.exclusive() as only_one:
        if not only_one:
            return ()
        jobs = services.sweeps.open_jobs(rules.stuck_after_s, rules.intake.default_path)
        around = _look_around(services, jobs)
        cancelled = {*jobs.cancelled, *services.cancellations.cancelled_among(jobs.job_ids)}
        nudges = [Nudge(Stage.FINALIZE_JOB, job_id) for job_id in cancelled]
        for judged in (_pending, _processing, _orphans):
            nudges += [nudge for nudge in judged(services, jobs, around) if nudge.job_id not in cancelled]
        productions = services.sweeps.reconcile_productions()
    emit(Event.SWEEP_DONE, open=len(jobs.job_ids), nudges=len(nudges), productions=productions)
    return tuple(dict.fromkeys(nudges))


def _look_around(services: Services, jobs: OpenJobs) -> Surroundings:
    rules = services.rules
    return Surroundings(
        stuck_after_s=rules.stuck_after_s,
        max_recoveries=rules.max_recoveries,
        flow_silent_s=jobs.flow_silent_s,
        gate_closed=services.quota.closed_for_s() > 0,
        closed_paths=services.pause.paused_paths() | frozenset(rules.intake.disabled_paths),
        backlog={stage: services.queues.backlog(stage) for stage in _BACKLOGS},
    )


def _pending(services: Services, jobs: OpenJobs, around: Surroundings) -> Iterator[Nudge]:
    on_queues = services.queues.jobs_to_fetch() if jobs.pending else set()
    for each in jobs.pending:
        choice = choose_path((each.path,), services.rules.intake)
        job = each if isinstance(choice, Problem) else replace(each, path=choice.path)
        verdict = judge_pending(job, around, on_a_queue=on_queues is None or job.job_id in on_queues)
        if verdict.action is Action.RECOVER:
            services.sweeps.recover_pending(job.job_id)
            _tell_recovery(job.job_id, job.path, "pending on no queue")
        elif verdict.action is Action.CLOSE:
            yield from _give_up(services, job.job_id, around)
        yield from verdict.nudges


def _processing(services: Services, jobs: OpenJobs, around: Surroundings) -> Iterator[Nudge]:
    for each in jobs.processing:
        made = [(each.job_id, no) for no, state in each.images if state is ImageState.MADE]
        job = replace(each, kept_bytes=bool(made) and any(services.blobs.has_outputs(made)))
        verdict = judge_processing(job, around)
        if verdict.action is Action.RECOVER:
            services.sweeps.recover(job.job_id, job.lapsed)
            _tell_recovery(job.job_id, job.path, "lease ran out" if job.lapsed else "no progress")
        elif verdict.action is Action.CLOSE:
            yield from _give_up(services, job.job_id, around)
        yield from verdict.nudges


def _orphans(services: Services, jobs: OpenJobs, around: Surroundings) -> Iterator[Nudge]:
    for orphan in jobs.orphans:
        if judge_orphan(orphan, around) is Action.CLOSE:
            yield from _give_up(services, orphan.job_id, around)
        elif services.sweeps.adopt(orphan.job_id, around.stuck_after_s):
            _tell_recovery(orphan.job_id, None, "left behind by another server")
            yield Nudge(Stage.FETCH_JOB, orphan.job_id)


def _tell_recovery(job_id: UUID, path: str | None, cause: str) -> None:
    with about(job_id=job_id, path=path):
        emit(Event.JOB_RECOVERED, cause=cause)


def _give_up(services: Services, job_id: UUID, around: Surroundings) -> tuple[Nudge, ...]:
    reason = (
        f"It was taken up again {around.max_recoveries} times without bringing a new image,"
        " and was closed with what it had."
    )
    with about(job_id=job_id):
        closed = services.closings.give_up(job_id, code="stuck", reason=reason)
        if closed is None:
            return ()
        with about(path=closed.path):
            emit(Event.IMAGE_FAILED, code="stuck", reason=reason, images=closed.given_up)
        announce(closed)
        return clear_away(services, job_id, closed.remains)
