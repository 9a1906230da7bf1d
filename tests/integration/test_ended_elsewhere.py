"""A job that somebody else has ended is not gone on with: nothing more is bought, stored or charged."""

from uuid import uuid4

import pytest

from quel.sandbox import faults
from tests.integration.harness import until
from tests.integration.ledger import (
    PRICE,
    assert_books_agree,
    ledger_of_production,
    member_balance,
    production_of,
    results_of,
)
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel

THREADS = 4


def running_job(world, pipeline, *, images=30):
    """A job midway, with some images stored and some at the provider."""
    studio, token = pipeline.studio, uuid4().hex
    world.gemini.fail_when(token, faults.slow(0.3))
    pipeline.workers(threads=THREADS)
    member = studio.member(1_000)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=images, member=member)
    studio.push(job_id)
    until(lambda: studio.job_row(job_id)["completed_images"] >= 2, "some images are stored")
    return job_id, member, token


def open_images(studio):
    return studio.rows(
        "SELECT count(*) AS n FROM quel.image WHERE state NOT IN ('stored', 'failed', 'cancelled')"
    )[0]["n"]


@pytest.mark.parametrize("status", ["failed", pytest.param("completed", marks=pytest.mark.slow)])
def test_a_row_that_the_front_end_ended_stays_as_it_is_and_costs_nothing_more(world, pipeline, status):
    job_id, member, token = running_job(world, pipeline)
    studio = pipeline.studio
    studio.rows(
        "UPDATE quel_production_jobs SET job_status = %s, error_message = 'Ended by hand.',"
        " completed_at = now() WHERE job_id = %s",
        status,
        job_id,
    )
    row, begun = studio.job_row(job_id), len(world.calls(token))
    until(lambda: open_images(studio) == 0, "the open images are withdrawn")
    until(lambda: all(call.finished_at for call in world.calls(token)), "the provider is at rest")
    assert len(world.calls(token)) <= begun + THREADS
    assert studio.job_row(job_id) == row
    paid = len(row["generated_attach_ids"])
    assert len(ledger_of_production(studio, job_id)) == paid
    assert member_balance(studio, member) == 1_000 - paid * PRICE

    until(lambda: len(results_of(studio, job_id)) == paid, "what was dropped is gone from the bucket")
    production = production_of(studio, job_id)
    assert (production["production_status"], production["generated_image_count"]) == (status, paid)
    assert production["attach_ids"] == row["generated_attach_ids"]
    assert own_audit(pipeline.studio, look_again_after_s=0.0) == []
    again = run_quel(pipeline.environment(), "retry", str(job_id))
    assert (again.returncode, "Made again" in again.stdout) == (0, True), again.stderr
    assert studio.wait([job_id])[job_id]["completed_images"] == 30


def test_a_row_that_was_ended_while_no_worker_lived_is_withdrawn_by_the_sweep(world, pipeline):
    job_id, _, token = running_job(world, pipeline)
    studio = pipeline.studio
    pipeline.kill()
    studio.rows("UPDATE quel_production_jobs SET job_status = 'failed' WHERE job_id = %s", job_id)
    row, begun = studio.job_row(job_id), len(world.calls(token))
    pipeline.let_pass(700)
    pipeline.workers("sweep_stuck_jobs", "finalize_job", "persist_output", "prepare_inputs", "fetch_job")
    pipeline.sweep_until(lambda: open_images(studio) == 0)
    assert len(world.calls(token)) == begun
    changed = {key for key, value in studio.job_row(job_id).items() if value != row[key]}
    assert changed <= {"created_at", "started_at", "completed_at", "updated_at"}  # let_pass made them older


def test_a_row_set_back_to_pending_is_made_whole_by_its_new_claim(world, pipeline):
    job_id, member, token = running_job(world, pipeline, images=12)
    studio = pipeline.studio
    studio.rows("UPDATE quel_production_jobs SET job_status = 'pending' WHERE job_id = %s", job_id)
    until(lambda: all(call.finished_at for call in world.calls(token)), "the provider is at rest")
    assert studio.job_row(job_id)["job_status"] == "pending"
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 12)
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 1_000 - 12 * PRICE
    assert len(world.calls(token)) == 12  # what was paid for before was not bought again


def test_a_sibling_without_a_status_is_pending_and_keeps_the_production_open(studio, workers):
    member = studio.member()
    production = studio.production(member)
    shared = {"total_images": 1, "member": member, "production": production}
    studio.job("simple_general", {"prompt": "a hill"}, job_status=None, **shared)
    job_id = studio.job("simple_general", {"prompt": "a hill"}, **shared)
    studio.push(job_id)
    studio.wait([job_id])
    assert production_of(studio, job_id)["production_status"] == "processing"
