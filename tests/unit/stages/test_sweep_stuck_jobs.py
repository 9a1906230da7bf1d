"""sweep_stuck_jobs: what is lost is found from the rows, what cannot be mended ends with a reason."""

from dataclasses import replace

import pytest

from quel.core.errors import ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.pipeline import Step, StepMessage
from quel.stages.finalize_job import finalize_job
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.unit.stages.sweeping import MOST, STUCK_S, acts_meanwhile, finalize, recoveries, silence


def test_of_two_sweeps_at_once_one_works(services, job):
    job()
    silence(services)
    services.sweep_stuck_jobs.is_taken = True
    assert sweep_stuck_jobs(services) == ()


def test_without_anything_open_nothing_is_sent(services):
    assert sweep_stuck_jobs(services) == ()


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
