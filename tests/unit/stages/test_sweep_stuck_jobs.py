"""sweep_stuck_jobs: what is lost is found from the rows, what cannot be mended ends with a reason."""

from dataclasses import replace

import pytest

from quel.core.errors import DatabaseError, ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.outcome import Refused
from quel.core.pipeline import Step, StepMessage
from quel.core.sweep_stuck_jobs import GRACE_S
from quel.sandbox.memory.sweep_stuck_jobs import SweepStuckJobsRows
from quel.stages.finalize_job import finalize_job
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs

STUCK_S = 600.0
MOST = 3


def silence(services, seconds=GRACE_S):
    """Nothing happens for so long."""
    services.clock.advance(seconds)


def fetch(job_id):
    return (StepMessage(Step.FETCH_JOB, job_id),)


def finalize(job_id):
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def recoveries(events):
    return [entry["cause"] for entry in events if entry["event"] == "sweep.recovered"]


def acts_meanwhile(services, happens):
    """Something happens between the look at the rows and the verdict."""

    class Slow(SweepStuckJobsRows):
        def open_jobs(self, *ages):
            found = super().open_jobs(*ages)
            happens()
            return found

    services.sweep_stuck_jobs = Slow(services.tables)


def test_of_two_sweeps_at_once_one_works(services, job):
    job()
    silence(services)
    services.sweep_stuck_jobs.is_taken = True
    assert sweep_stuck_jobs(services) == ()


def test_without_anything_open_nothing_is_sent(services):
    assert sweep_stuck_jobs(services) == ()


# pending
def test_a_pending_job_on_no_queue_is_fetched(services, studio, job, events):
    job_id = job()
    silence(services)
    assert sweep_stuck_jobs(services) == fetch(job_id)
    assert studio.job_row(job_id).retry_count == 1
    assert recoveries(events) == ["pending on no queue"]


def test_a_pending_job_is_given_a_minute(services, job):
    job()
    silence(services, GRACE_S - 1)
    assert sweep_stuck_jobs(services) == ()


def test_a_pending_job_on_a_queue_waits_for_it(services, studio, job):
    job_id = job()
    studio.push(job_id)
    silence(services)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_on_another_consumers_list_is_left_to_it(services, job):
    job_id = job()
    services.queues.foreign.add(job_id)
    silence(services)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_of_another_kind_is_left_alone(services, job):
    job(path="video")
    silence(services, STUCK_S)
    assert sweep_stuck_jobs(services) == ()


def test_a_row_from_before_quel_came_is_left_alone(services, job):
    job(created_at=services.clock.after(-2 * services.rules.adopt_within_s))
    silence(services)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_of_a_path_that_is_switched_off_waits(services, job):
    services.rules = replace(
        services.rules, intake=replace(services.rules.intake, disabled_paths={"fashion"})
    )
    job()
    silence(services, STUCK_S)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_of_an_unknown_path_is_judged_by_the_path_it_falls_back_to(services, job):
    services.pause.pause(services.rules.intake.default_path, "maintenance")
    job(path="opera")
    silence(services, STUCK_S)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_of_an_unknown_path_that_falls_back_to_none_is_fetched_to_be_refused(services, job):
    intake = replace(services.rules.intake, reject_unknown_paths=True)
    services.rules = replace(services.rules, intake=intake)
    job_id = job(path="opera")
    silence(services)
    assert sweep_stuck_jobs(services) == fetch(job_id)


def test_a_pending_job_that_is_recovered_in_vain_is_closed_with_a_reason(services, studio, job):
    job_id = job()
    for _ in range(MOST):
        silence(services)
        assert sweep_stuck_jobs(services) == fetch(job_id)
    silence(services)
    assert sweep_stuck_jobs(services) == ()
    silence(services, STUCK_S)
    assert sweep_stuck_jobs(services) == ()
    row = studio.job_row(job_id)
    assert (row.job_status, row.failed_images) == (JobStatus.FAILED, 1)
    assert "taken up again 3 times" in row.error_message


@pytest.mark.parametrize("is_last", [False, True])
def test_a_pending_job_that_moved_since_the_look_is_left_alone(services, studio, job, is_last):
    job_id = job()
    for _ in range(MOST if is_last else 0):
        silence(services)
        sweep_stuck_jobs(services)
    silence(services, STUCK_S)
    row = studio.job_row(job_id)
    acts_meanwhile(services, lambda: services.tables.touch(row))
    assert sweep_stuck_jobs(services) == ()
    assert (row.job_status, row.retry_count) == (JobStatus.PENDING, MOST if is_last else 0)


# claimed
@pytest.mark.parametrize(
    ("after", "lost"),
    [(Step.FETCH_JOB, Step.PREPARE_INPUTS), (Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT)],
)
def test_a_lost_message_is_sent_again(services, job_after, after, lost):
    job_id = job_after(after)
    silence(services)
    [message] = sweep_stuck_jobs(services)
    assert (message.step, message.job_id) == (lost, job_id)


def test_images_that_wait_for_their_turn_need_no_message(services, job_after):
    job_after(Step.PREPARE_INPUTS)
    silence(services)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_whose_images_have_all_ended_is_closed(services, job_after):
    job_id = job_after(Step.PERSIST_OUTPUT)
    assert sweep_stuck_jobs(services) == finalize(job_id)


def test_an_image_whose_worker_died_is_free_again_when_its_lease_is_over(services, studio, job_after, events):
    job_id = job_after(Step.PREPARE_INPUTS)
    services.generate_image.claim("a worker", services.rules.open_paths)
    silence(services, 29)
    assert sweep_stuck_jobs(services) == ()
    silence(services, 2)
    assert sweep_stuck_jobs(services) == (StepMessage(Step.GENERATE_IMAGE, job_id, 0),)
    assert (studio.states(job_id), recoveries(events)) == (["ready"], ["lease ran out"])


def test_an_image_whose_lease_is_renewed_is_left_to_its_worker(services, studio, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    services.generate_image.claim("a worker", services.rules.open_paths)
    silence(services, STUCK_S)
    services.generate_image.renew(["a worker"])
    assert sweep_stuck_jobs(services) == ()
    assert studio.states(job_id) == ["generating"]


def stuck(services, times):
    """Sweeps after as many long silences."""
    sent = []
    for _ in range(times):
        silence(services, STUCK_S)
        sent.append(sweep_stuck_jobs(services))
    return sent


def test_a_job_that_does_not_move_is_taken_up_again(services, studio, job_after, events):
    job_id = job_after(Step.FETCH_JOB)
    assert stuck(services, 1) == [(StepMessage(Step.PREPARE_INPUTS, job_id),)]
    assert (studio.job_row(job_id).retry_count, recoveries(events)) == (1, ["no progress"])


def test_a_job_that_is_taken_up_in_vain_is_closed_with_what_it_has(services, studio, job_after, events):
    job_id = job_after(Step.PERSIST_OUTPUT, 2)
    *_, last = stuck(services, MOST + 1)
    row = studio.job_row(job_id)
    assert last == ()
    assert (row.job_status, row.completed_images, row.failed_images) == (JobStatus.COMPLETED, 1, 1)
    assert studio.states(job_id) == ["stored", "failed"]
    assert [entry["code"] for entry in events if entry["event"] == "image.failed"] == ["stuck"]


def test_an_image_in_between_starts_the_count_anew(services, studio, worker, job_after):
    job_id = job_after(Step.PERSIST_OUTPUT, 3)
    stuck(services, MOST)
    services.queues.send(StepMessage(Step.GENERATE_IMAGE, job_id, 1))
    worker.die_after(Step.PERSIST_OUTPUT)
    stuck(services, MOST)
    assert studio.job_row(job_id).job_status is JobStatus.PROCESSING
    stuck(services, 1)
    assert studio.job_row(job_id).job_status is JobStatus.COMPLETED


def test_a_job_is_not_closed_while_an_answer_to_it_is_kept(services, studio, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    services.generate_image.claim("a worker", services.rules.open_paths)
    services.blobs.put_output(job_id, 0, services.imaging.normalise(b"paid for"))
    stuck(services, MOST + 3)
    assert studio.job_row(job_id).job_status is JobStatus.PROCESSING


@pytest.mark.parametrize("closed_by", ["pause", "breaker", "answers"])
def test_a_job_that_may_not_go_on_is_not_stuck(services, studio, job_after, closed_by):
    job_id = job_after(Step.PREPARE_INPUTS)
    match closed_by:
        case "pause":
            services.pause.pause("fashion", "maintenance")
        case "breaker":
            services.quota.open_breaker(30 * STUCK_S, "day")
        case "answers":
            services.blobs.budget_bytes = 0
    assert stuck(services, MOST + 3) == [()] * (MOST + 3)
    assert studio.job_row(job_id).job_status is JobStatus.PROCESSING


def test_a_job_that_may_not_be_prepared_is_not_stuck(services, studio, job_after):
    job_id = job_after(Step.FETCH_JOB)
    services.blobs.budget_bytes = 0
    assert stuck(services, MOST + 3) == [()] * (MOST + 3)
    assert studio.job_row(job_id).job_status is JobStatus.PROCESSING


def test_a_job_that_waits_while_others_flow_is_not_stuck(services, studio, job_after):
    waiting = job_after(Step.PREPARE_INPUTS)
    for _ in range(MOST + 3):
        silence(services, STUCK_S - 1)
        services.tables.images[waiting, 0].not_before = services.clock.after(STUCK_S)
        job_after(Step.PERSIST_OUTPUT)
        sweep_stuck_jobs(services)
    assert studio.job_row(waiting).retry_count == 0


@pytest.mark.parametrize("sweeps_before", [0, MOST])
def test_a_claimed_job_that_moved_since_the_look_is_left_alone(services, studio, job_after, sweeps_before):
    job_id = job_after(Step.FETCH_JOB)
    stuck(services, sweeps_before)
    silence(services, STUCK_S)
    image = services.tables.images[job_id, 0]
    acts_meanwhile(services, lambda: setattr(image, "updated_at", services.clock.now))
    assert sweep_stuck_jobs(services) == ()
    row = studio.job_row(job_id)
    assert (row.job_status, row.retry_count) == (JobStatus.PROCESSING, sweeps_before)


def test_trouble_with_one_job_keeps_no_other_back(services, studio, job_after, job):
    first = job_after(Step.FETCH_JOB)
    second = job_after(Step.FETCH_JOB)
    stuck(services, MOST)
    services.blobs.trouble.plan("has_outputs", ServiceUnavailable("Redis is away."))
    stuck(services, 1)
    statuses = [studio.job_row(job_id).job_status for job_id in (first, second)]
    assert sorted(statuses) == [JobStatus.FAILED, JobStatus.PROCESSING]


# other servers' jobs
def test_a_job_that_another_server_left_is_taken_over(services, studio, job, events):
    job_id = job(job_status=JobStatus.PROCESSING)
    silence(services, STUCK_S + 1)
    assert sweep_stuck_jobs(services) == fetch(job_id)
    assert studio.job_row(job_id).job_status is JobStatus.PENDING
    assert recoveries(events) == ["left behind by another server"]


def test_a_job_that_another_server_works_on_is_left_to_it(services, job):
    job(job_status=JobStatus.PROCESSING)
    silence(services, STUCK_S)
    assert sweep_stuck_jobs(services) == ()


def test_a_job_that_another_server_took_up_again_since_the_look_is_left_to_it(services, studio, job):
    job_id = job(job_status=JobStatus.PROCESSING)
    silence(services, STUCK_S + 1)
    acts_meanwhile(services, lambda: services.tables.touch(studio.job_row(job_id)))
    assert sweep_stuck_jobs(services) == ()
    assert studio.job_row(job_id).job_status is JobStatus.PROCESSING


def test_a_job_that_is_taken_over_in_vain_is_closed(services, studio, job):
    job_id = job(job_status=JobStatus.PROCESSING)
    for _ in range(MOST):
        silence(services, STUCK_S + 1)
        sweep_stuck_jobs(services)
        studio.job_row(job_id).job_status = JobStatus.PROCESSING
    silence(services, STUCK_S + 1)
    assert sweep_stuck_jobs(services) == ()
    assert studio.job_row(job_id).job_status is JobStatus.FAILED


# cancelled and ended
def test_a_job_whose_cancel_key_is_set_is_sent_to_be_closed(services, studio, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    studio.cancel(job_id)
    assert sweep_stuck_jobs(services) == finalize(job_id)


def test_a_job_whose_row_is_marked_as_cancelled_is_sent_to_be_closed(services, studio, job):
    job_id = job(job_status=JobStatus.CANCELLED)
    silence(services)
    assert sweep_stuck_jobs(services) == finalize(job_id)


def test_a_job_that_somebody_ended_with_images_open_is_sent_to_be_cleared_away(services, studio, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    studio.job_row(job_id).job_status = JobStatus.COMPLETED
    assert sweep_stuck_jobs(services) == finalize(job_id)
    finalize_job(services, job_id)
    assert sweep_stuck_jobs(services) == ()


# productions
@pytest.fixture
def out_of_step(services, studio, worker, job):
    """A production that still says processing, though its job has ended."""
    job_id = job()
    services.engine.answer(Refused("blocked_safety", "The provider refused it."))
    studio.push(job_id)
    worker.run()
    production = services.tables.productions[studio.job_row(job_id).production_id]
    production.production_status = JobStatus.PROCESSING
    return production


def test_a_production_whose_jobs_have_ended_is_closed(services, out_of_step):
    silence(services, 61)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.FAILED


def test_a_production_is_given_a_minute(services, out_of_step):
    silence(services, 59)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.PROCESSING


def test_a_production_with_a_job_that_is_open_stays_open(services, studio, out_of_step, job):
    job(production=out_of_step.production_id)
    silence(services, 61)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.PROCESSING


def test_trouble_with_productions_keeps_no_job_back(services, job, events):
    class Broken(SweepStuckJobsRows):
        def reconcile_productions(self):
            raise DatabaseError("PostgreSQL refused a statement (42P01).")

    services.sweep_stuck_jobs = Broken(services.tables)
    job_id = job()
    silence(services)
    assert sweep_stuck_jobs(services) == fetch(job_id)
    assert [entry["code"] for entry in events if entry["event"] == "actor.failed"] == ["database_refused"]


def test_prompts_are_forgotten_when_their_images_have_ended_for_long_enough(services, studio, worker, job):
    done, open_ = job(2), job(1)
    studio.push(done)
    worker.run()
    studio.push(open_)
    worker.die_after(Step.PREPARE_INPUTS)
    services.rules = replace(services.rules, keep_prompts_d=30, stuck_after_s=1e9)
    claimed = services.tables.pipeline_jobs
    sweep_stuck_jobs(services)
    assert services.tables.images[done, 0].request.prompt
    services.clock.advance(30 * 86_400 + 1)
    sweep_stuck_jobs(services)
    assert [services.tables.images[done, no].request.prompt for no in range(2)] == ["", ""]
    assert (claimed[done].plan.request.stages[0].prompt, claimed[done].prompts_kept) == ("", False)
    assert services.tables.images[open_, 0].request.prompt
    assert claimed[open_].plan.request.stages[0].prompt == "a mast"
