"""Whole histories of jobs, message by message, without a server."""

import pytest

from quel.core.errors import ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.outcome import QuotaScope, Transient, Wait
from quel.core.pipeline import Step
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.studio import MemoryStudio

PRICE = 5
_MINUTE_S = 60.0


def assert_delivered(services: MemoryServices, studio: MemoryStudio, job_id, images: int) -> None:
    """The job is complete; each image is stored, booked and charged once; nothing is left behind."""
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_images, row.failed_images) == (JobStatus.COMPLETED, images, 0)
    assert isinstance(row.generated_attach_ids, list)
    assert len(set(row.generated_attach_ids)) == images
    assert [line.attach_idx for line in services.tables.ledger] == sorted(row.generated_attach_ids)
    assert all(line.amount == -PRICE for line in services.tables.ledger)
    assert row.quel_member_id is not None
    assert services.tables.members[row.quel_member_id].quel_member_credit == 1_000 - PRICE * images
    assert len(services.storage.objects) == images
    assert not services.blobs.inputs
    assert not services.blobs.outputs
    assert not services.quota.under_way
    assert row.production_id is not None
    assert services.tables.productions[row.production_id].production_status is JobStatus.COMPLETED


def test_a_job_goes_through_every_step_until_no_message_is_left(services, studio, worker, job):
    job_id = job(3)
    studio.push(job_id)
    worker.run()
    assert_delivered(services, studio, job_id, 3)
    steps = [message.step for message in worker.done]
    assert steps.count(Step.FINALIZE_JOB) == 1
    assert {steps.count(step) for step in (Step.FETCH_JOB, Step.PREPARE_INPUTS)} == {1}
    assert {steps.count(step) for step in (Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT)} == {3}


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.SWEEP_STUCK_JOBS])
def test_a_sweep_repairs_what_a_lost_message_of_any_step_left(services, studio, worker, job, step):
    job_id = job(2)
    studio.push(job_id)
    worker.die_after(step)
    for _ in range(10):
        services.clock.advance(_MINUTE_S)
        worker.sweep()
        worker.run()
    assert_delivered(services, studio, job_id, 2)
    assert len(services.engine.requests) == 2


def test_a_worker_that_dies_in_a_call_costs_a_second_call_and_no_second_image(services, studio, worker, job):
    job_id = job()
    studio.push(job_id)

    def die(_):
        raise KeyboardInterrupt

    services.engine.answer(die)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert studio.states(job_id) == ["generating"]
    services.clock.advance(_MINUTE_S)
    worker.sweep()
    worker.run()
    assert len(services.engine.requests) == 2
    services.quota.under_way.clear()  # the dead worker's slot lapses by itself in Redis
    assert_delivered(services, studio, job_id, 1)


def test_every_message_twice_changes_nothing(services, studio, worker, job):
    job_id = job(2)
    studio.push(job_id, job_id)
    worker.run()
    services.queues.send(*worker.done)
    worker.run()
    assert_delivered(services, studio, job_id, 2)
    assert len(services.engine.requests) == 2


def test_trouble_everywhere_is_waited_out(services, studio, worker, job):
    job_id = job(2)
    down = ServiceUnavailable("It does not answer.")
    services.storage.trouble.plan("write_result", down, down)
    services.blobs.trouble.plan("put_output", down, down)
    services.blobs.trouble.plan("output", down)
    services.engine.answer(
        Transient("server_error", "It failed."),
        Wait(QuotaScope.MINUTE, None),
        Transient("busy", "It is busy.", overloaded=True),
    )
    studio.push(job_id)
    worker.run()
    assert_delivered(services, studio, job_id, 2)
    assert len(services.engine.requests) == 5


def test_a_job_that_is_cancelled_at_any_step_ends_and_leaves_nothing(services, studio, worker, job):
    for step in (Step.FETCH_JOB, Step.PREPARE_INPUTS, Step.GENERATE_IMAGE):
        job_id = job(2)
        studio.push(job_id)
        worker.run(until=step)
        studio.cancel(job_id)
        worker.run()
        services.clock.advance(_MINUTE_S)
        worker.sweep()
        worker.run()
        assert studio.job_row(job_id).job_status is JobStatus.USER_CANCELLED
    assert not services.tables.ledger
    assert not services.storage.objects
    assert not services.blobs.outputs


def test_a_newcomers_image_goes_before_the_rest_of_a_large_order(services, studio, worker, job):
    services.quota.concurrency = 1
    large, small = job(20), job(1)
    studio.push(large)
    worker.run(until=Step.PREPARE_INPUTS)
    studio.push(small)
    worker.run()
    paid_by = [line.user_id for line in services.tables.ledger]
    assert paid_by.index(studio.job_row(small).quel_member_id) <= 2


def test_what_the_credits_of_one_payer_cover_is_delivered_and_no_more(services, studio, worker, job):
    member = studio.member(credits=3 * PRICE)
    first, second = job(2, member=member), job(2, member=member)
    studio.push(first, second)
    worker.run()
    assert studio.job_row(first).job_status is JobStatus.COMPLETED
    assert studio.job_row(second).job_status is JobStatus.FAILED
    assert "held for images" in (studio.job_row(second).error_message or "")
    assert services.tables.members[member].quel_member_credit == PRICE


def test_a_minute_full_of_calls_is_waited_for(services, studio, worker, job):
    services.quota.rpm = 2
    began = services.clock.now
    job_id = job(5)
    studio.push(job_id)
    worker.run()
    assert_delivered(services, studio, job_id, 5)
    assert 120 <= services.clock.since(began) <= 130


def test_an_id_of_no_job_is_rejected(services, studio, worker):
    studio.push(studio.member())
    worker.run()
    [(entry, source, reason)] = services.rejected.entries
    assert (source, reason) == (Step.FETCH_JOB, "unknown job")
    assert len(entry) == 36
