"""sweep_stuck_jobs on jobs that quel has not begun: those that wait, and those that another server has."""

from dataclasses import replace

import pytest

from quel.core.job import JobStatus
from quel.core.sweep_stuck_jobs import GRACE_S
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.unit.stages.sweeping import MOST, STUCK_S, acts_meanwhile, fetch, recoveries, silence


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
