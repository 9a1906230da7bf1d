"""Rows that are out of step with each other or belong to nobody: the sweep puts them right."""

import json
from uuid import uuid4

import pytest

from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, ledger, member_balance, production_of

LONG_AGO_S = 700  # beyond the default of QUEL_STUCK_AFTER_S
A_WHILE_S = 120


def text_job(studio, token, images=1, member=None, **columns):
    return studio.job(
        "simple_general",
        {"prompt": token},
        total_images=images,
        member=member or studio.member(),
        **columns,
    )


def orphan(studio, token, images, attach_ids, member):
    """A job as another server leaves it when it dies: claimed, some images made and charged by it."""
    return text_job(
        studio,
        token,
        images,
        member,
        job_status="processing",
        completed_images=len(attach_ids),
        generated_attach_ids=json.dumps(attach_ids),
    )


def test_a_pending_job_on_no_queue_is_taken_up_once(world, studio, workers, shared_pipeline):
    token = uuid4().hex
    job_id = text_job(studio, token, images=2)
    shared_pipeline.sweep()
    assert studio.job_row(job_id)["retry_count"] == 0  # the front end may be about to push it
    shared_pipeline.let_pass(A_WHILE_S)
    shared_pipeline.sweep(times=4)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["retry_count"]) == ("completed", 2, 1)
    assert len(world.calls(token)) == 2


def test_a_pending_job_whose_id_waits_on_a_list_is_left_alone(pipeline):
    studio = pipeline.studio
    pipeline.workers("sweep_stuck_jobs")  # nobody reads the lists
    job_id = text_job(studio, "a hill")
    studio.push(job_id)
    for _ in range(5):
        pipeline.let_pass(LONG_AGO_S)
        pipeline.sweep()
    row = studio.job_row(job_id)
    assert (row["job_status"], row["retry_count"]) == ("pending", 0)


@pytest.mark.parametrize("made", [0, 2, 4])
def test_an_orphan_of_another_server_is_completed_by_what_is_missing(
    world, studio, workers, shared_pipeline, made
):
    token = uuid4().hex
    member = studio.member(100)
    there = [studio.attachment_row(f"generated-images/old/{token}-{n}.webp") for n in range(made)]
    job_id = orphan(studio, token, 4, there, member)
    shared_pipeline.sweep()
    assert studio.job_row(job_id)["retry_count"] == 0  # its server may still be at work
    shared_pipeline.let_pass(LONG_AGO_S)
    shared_pipeline.sweep()
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 4, 0)
    ids = row["generated_attach_ids"]
    assert ids[:made] == there
    assert len(set(ids)) == 4
    assert len(world.calls(token)) == 4 - made
    assert len(ledger(studio, ids)) == 4 - made
    assert member_balance(studio, member) == 100 - (4 - made) * PRICE
    production = production_of(studio, job_id)
    assert (production["production_status"], production["attach_ids"]) == ("completed", ids)
    assert row["retry_count"] == 1


def test_an_orphan_with_more_ids_than_were_ordered_or_the_same_twice_is_read_sensibly(
    world, studio, workers, shared_pipeline
):
    token = uuid4().hex
    first, second, third = (studio.attachment_row(f"generated-images/old/{n}.webp") for n in range(3))
    twice = orphan(studio, token, 2, [first, first], studio.member())
    more = orphan(studio, token, 2, [first, second, third], studio.member())
    shared_pipeline.let_pass(LONG_AGO_S)
    shared_pipeline.sweep()
    rows = studio.wait([twice, more])
    assert rows[twice]["generated_attach_ids"][0] == first
    assert rows[twice]["completed_images"] == len(set(rows[twice]["generated_attach_ids"])) == 2
    assert rows[more]["generated_attach_ids"] == [first, second, third]  # what is there stays there
    assert (rows[more]["job_status"], rows[more]["completed_images"]) == ("completed", 2)
    assert production_of(studio, more)["attach_ids"] == [first, second, third]
    assert len(world.calls(token)) == 1


@pytest.mark.parametrize(
    ("statuses", "expected"), [(("completed", "failed"), "completed"), (("failed", "failed"), "failed")]
)
def test_a_production_left_open_by_jobs_that_have_ended_is_closed(
    studio, workers, shared_pipeline, statuses, expected
):
    member = studio.member()
    production = studio.production(member)
    made = [text_job(studio, "x", member=member, production=production) for _ in statuses]
    studio.push(*made)
    studio.wait(made)
    for job_id, status in zip(made, statuses, strict=True):
        studio.rows("UPDATE quel_production_jobs SET job_status = %s WHERE job_id = %s", status, job_id)
    studio.rows(
        "UPDATE quel_production_photo SET production_status = 'processing' WHERE production_id = %s",
        production,
    )
    shared_pipeline.let_pass(A_WHILE_S)
    shared_pipeline.sweep()
    assert production_of(studio, job_id)["production_status"] == expected


@pytest.mark.parametrize("how", ["user_cancelled", "cancelled", "key"])
def test_a_cancelled_job_that_no_message_speaks_of_is_closed(world, studio, workers, shared_pipeline, how):
    token = uuid4().hex
    member = studio.member(100)
    job_id = text_job(studio, token, images=2, member=member)
    if how == "key":
        studio.cancel(job_id)
    else:
        studio.rows("UPDATE quel_production_jobs SET job_status = %s WHERE job_id = %s", how, job_id)
    shared_pipeline.let_pass(A_WHILE_S)
    shared_pipeline.sweep()
    until(lambda: studio.job_row(job_id)["completed_at"], "the job is closed")
    row = studio.job_row(job_id)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("user_cancelled", 0, 0)
    assert production_of(studio, job_id)["production_status"] == "user_cancelled"
    assert world.calls(token) == []
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 100


def test_a_production_whose_jobs_were_none_of_quels_is_left_alone(studio, workers, shared_pipeline):
    member = studio.member()
    production = studio.production(member)
    job_id = text_job(studio, "x", member=member, production=production, job_status="completed")
    studio.rows("UPDATE quel_production_jobs SET completed_at = now() WHERE job_id = %s", job_id)
    studio.rows(
        "UPDATE quel_production_photo SET production_status = 'processing' WHERE production_id = %s",
        production,
    )
    shared_pipeline.let_pass(A_WHILE_S)
    shared_pipeline.sweep(times=2)
    assert production_of(studio, job_id)["production_status"] == "processing"


def test_a_cancelled_job_of_another_server_keeps_what_that_made(studio, workers, shared_pipeline):
    member = studio.member()
    there = [studio.attachment_row(f"generated-images/old/{uuid4().hex}.webp") for _ in range(2)]
    job_id = orphan(studio, "a mill", 4, there, member)
    studio.cancel(job_id)
    shared_pipeline.let_pass(LONG_AGO_S)
    shared_pipeline.sweep()
    until(lambda: studio.job_row(job_id)["completed_at"], "the job is closed")
    row = studio.job_row(job_id)
    assert (row["job_status"], row["completed_images"], row["retry_count"]) == ("user_cancelled", 2, 0)
    assert row["generated_attach_ids"] == there
    production = production_of(studio, job_id)
    assert (production["attach_ids"], production["generated_image_count"]) == (there, 2)


def test_a_job_cancelled_by_somebody_who_wrote_its_end_as_well_is_closed_with_its_images(pipeline):
    studio = pipeline.studio
    pipeline.workers("fetch_job", "prepare_inputs", "finalize_job", "sweep_stuck_jobs")
    job_id = text_job(studio, "a quay", images=3)
    studio.push(job_id)
    images = "SELECT state, count(*) AS n FROM quel.image GROUP BY state"
    until(lambda: studio.rows(images) == [{"state": "ready", "n": 3}], "the images are prepared")
    studio.rows(
        "UPDATE quel_production_jobs SET job_status = 'cancelled', completed_at = now() WHERE job_id = %s",
        job_id,
    )
    pipeline.sweep_until(lambda: studio.rows(images) == [{"state": "cancelled", "n": 3}])
    assert production_of(studio, job_id)["production_status"] == "user_cancelled"


def test_rows_without_a_status_are_pending_and_stop_nobody(world, studio, workers, shared_pipeline):
    token = uuid4().hex
    member = studio.member()
    production = studio.production(member)
    ended = text_job(studio, "x", member=member, production=production, job_status="completed")
    studio.rows("UPDATE quel_production_jobs SET completed_at = now() WHERE job_id = %s", ended)
    unknown = text_job(studio, token, member=member, production=production, job_status=None)
    lost = text_job(studio, token, member=member)
    studio.rows(
        "UPDATE quel_production_photo SET production_status = 'processing' WHERE production_id = %s",
        production,
    )
    shared_pipeline.let_pass(A_WHILE_S)
    shared_pipeline.sweep()
    rows = studio.wait([unknown, lost])
    assert [rows[job_id]["job_status"] for job_id in (unknown, lost)] == ["completed", "completed"]
    assert len(world.calls(token)) == 2
