"""Credits are held while a job runs: no more is bought than can be paid, whatever comes at once."""

from uuid import uuid4

import pytest

from quel.sandbox import faults
from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, organization_balance


def text_jobs(studio, token, number, **columns):
    return [studio.job("simple_general", {"prompt": token}, total_images=1, **columns) for _ in range(number)]


def outcomes(rows):
    statuses = [row["job_status"] for row in rows.values()]
    return {status: statuses.count(status) for status in set(statuses)}


@pytest.mark.parametrize(("jobs", "payable"), [(24, 1), pytest.param(200, 7, marks=pytest.mark.slow)])
def test_of_many_jobs_at_once_exactly_those_are_bought_that_can_be_paid(world, pipeline, jobs, payable):
    studio, token = pipeline.studio, uuid4().hex
    world.gemini.fail_when(token, faults.slow(0.3))
    for _ in range(2):
        pipeline.workers(threads=8)
    member = studio.member(payable * PRICE + PRICE - 1)
    ids = text_jobs(studio, token, jobs, member=member)
    studio.push(*ids)
    rows = studio.wait(ids, timeout_s=120)
    assert outcomes(rows) == {"completed": payable, "failed": jobs - payable}
    assert len(world.calls(token)) == payable
    assert member_balance(studio, member) == PRICE - 1
    for job_id, row in rows.items():
        if row["job_status"] == "completed":
            assert_books_agree(studio, job_id)
        else:
            assert row["error_message"].startswith("Not enough credits: 1 image at 5 credits each")


def test_what_another_job_may_still_cost_is_not_spent_and_the_refusal_names_it(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    pipeline.workers(threads=16)
    member = studio.member()
    org = studio.organization(member, 50)
    world.gemini.fail_when(token, faults.hang())
    running = studio.job("simple_general", {"prompt": token}, total_images=8, member=member, org=org)
    studio.push(running)
    until(lambda: world.calls(token), "the first job is at the provider")
    late = studio.job("simple_general", {"prompt": "a hill"}, total_images=4, member=member, org=org)
    studio.push(late)
    row = studio.wait([late])[late]
    assert row["job_status"] == "failed"
    assert row["error_message"] == (
        "Not enough credits: 4 images at 5 credits each cost 20 credits, but the organization's balance is"
        " 50 credits, of which 40 are held for images that are under way."
    )
    small = studio.job("simple_general", {"prompt": "a hill"}, total_images=2, member=member, org=org)
    studio.push(small)
    assert studio.wait([small])[small]["job_status"] == "completed"
    assert organization_balance(studio, org) == 40


def test_what_an_image_held_is_free_again_when_it_fails(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    pipeline.workers()
    member = studio.member(10)
    world.gemini.fail_when(token, faults.Fault("refused", status=400, body="{}"))
    [failing] = text_jobs(studio, token, 1, member=member)
    studio.push(failing)
    assert studio.wait([failing])[failing]["job_status"] == "failed"
    both = studio.job("simple_general", {"prompt": "a hill"}, total_images=2, member=member)
    studio.push(both)
    assert studio.wait([both])[both]["completed_images"] == 2
    assert member_balance(studio, member) == 0


def test_when_somebody_else_spends_the_balance_nothing_more_is_bought(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    world.gemini.fail_when(token, faults.slow(0.5))
    pipeline.workers(threads=4)
    member = studio.member(100)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=20, member=member)
    studio.push(job_id)
    until(lambda: studio.job_row(job_id)["completed_images"] >= 2, "two images are paid for")
    studio.rows("UPDATE quel_member SET quel_member_credit = 4 WHERE quel_member_id = %s", member)
    begun = len(world.calls(token))
    row = studio.wait([job_id])[job_id]
    delivered = row["completed_images"]
    assert (row["job_status"], row["failed_images"]) == ("completed", 20 - delivered)
    assert "ran out of credits" in row["error_message"]
    assert len(world.calls(token)) <= begun + 4  # what the four threads had taken before
    assert member_balance(studio, member) == 4


def test_an_image_waits_for_credits_that_another_one_may_use_and_fails_when_it_has(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    world.gemini.fail_when(token, faults.slow(1.5))
    pipeline.workers(threads=8, QUEL_GEMINI_CONCURRENCY=1)
    member = studio.member(40)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=8, member=member)
    studio.push(job_id)
    until(lambda: world.calls(token), "the first image is at the provider")
    studio.rows("UPDATE quel_member SET quel_member_credit = 7 WHERE quel_member_id = %s", member)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 1, 7)
    assert len(world.calls(token)) == 1
    assert member_balance(studio, member) == 2
