"""Cancelling, by key and by row: before the start, midway, and when it is too late."""

from uuid import uuid4

import pytest

from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, production_of, results_of


def cancel(studio, job_id, how):
    if how == "key":
        studio.cancel(job_id)
    else:
        studio.rows("UPDATE quel_production_jobs SET job_status = %s WHERE job_id = %s", how, job_id)


def ended(studio, job_id):
    row = studio.job_row(job_id)
    return row if row["completed_at"] else None


HOW = ["key", "user_cancelled", "cancelled"]


@pytest.mark.parametrize("how", HOW)
def test_a_job_cancelled_before_its_start_never_reaches_the_provider(world, studio, workers, how):
    token = uuid4().hex
    member = studio.member(100)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=2, member=member)
    cancel(studio, job_id, how)
    studio.push(job_id)
    row = until(lambda: ended(studio, job_id), "the job is closed")
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("user_cancelled", 0, 0)
    assert production_of(studio, job_id)["production_status"] == "user_cancelled"
    assert world.calls(token) == []
    assert member_balance(studio, member) == 100


@pytest.mark.parametrize("how", HOW)
def test_a_job_cancelled_midway_keeps_what_was_made_and_makes_no_more(world, studio, workers, how):
    token = uuid4().hex
    member = studio.member(1_000)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=60, member=member)
    studio.push(job_id)
    until(lambda: studio.job_row(job_id)["completed_images"] >= 2, "two images are there")
    cancel(studio, job_id, how)
    calls_when_cancelled = len(world.calls(token))
    row = until(lambda: ended(studio, job_id), "the job is closed")
    made = row["completed_images"]
    assert row["job_status"] == "user_cancelled"
    assert 2 <= made < 60
    assert row["failed_images"] == 0
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 1_000 - made * PRICE
    production = production_of(studio, job_id)
    assert production["production_status"] == "user_cancelled"
    assert production["attach_ids"] == row["generated_attach_ids"]
    assert production["generated_image_count"] == made
    under_way = 8 + 8  # the threads of the workers, and what they had begun before the word reached them
    assert len(world.calls(token)) <= calls_when_cancelled + under_way

    until(lambda: len(results_of(studio, job_id)) == made, "what was dropped is gone from the bucket")


@pytest.mark.parametrize("how", ["key", "row"])
def test_cancelling_a_job_that_has_ended_changes_nothing(studio, workers, how):
    member = studio.member(100)
    job_id = studio.job("simple_general", {"prompt": "a hill"}, total_images=1, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    before = (row, production_of(studio, job_id))
    if how == "key":
        studio.cancel(job_id)
    studio.push(job_id)
    later = studio.job("simple_general", {"prompt": "a hill"}, total_images=1, member=member)
    studio.push(later)
    studio.wait([later])
    assert (studio.job_row(job_id), production_of(studio, job_id)) == before


def test_a_cancelled_job_leaves_its_productions_other_jobs_alone(world, studio, workers):
    member = studio.member()
    production = studio.production(member)
    kept, dropped = (
        studio.job("simple_general", {"prompt": "x"}, total_images=2, member=member, production=production)
        for _ in range(2)
    )
    studio.cancel(dropped)
    studio.push(dropped)
    until(lambda: ended(studio, dropped), "the job is closed")
    assert production_of(studio, kept)["production_status"] in ("pending", "processing")
    studio.push(kept)
    row = studio.wait([kept])[kept]
    after = production_of(studio, kept)
    assert (after["production_status"], after["attach_ids"]) == ("completed", row["generated_attach_ids"])
