"""`quel retry`: what is missing is made and charged once more, what was delivered stays as it is."""

import time
from uuid import uuid4

import pytest

from quel.adapters.redis.pause import HONOURED_WITHIN_S
from quel.sandbox.faults import slow
from quel.sandbox.gemini import faults
from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, production_of
from tests.integration.own_audit import own_audit
from tests.integration.quel_command import run_quel


@pytest.fixture
def quel(shared_pipeline, workers):
    return lambda *arguments: run_quel(shared_pipeline.environment(), *arguments)


def three_prompts(token):
    """A job of three images, each with a prompt that names it."""
    stages = [{"stage_index": n, "prompt": f"{token} number {n + 1}", "quantity": 1} for n in range(3)]
    return {"stages": stages}


def job_with_failures(world, studio, *failing, credits=100):
    """A job of three images that has ended, the images of these numbers blocked by the provider."""
    token, member = uuid4().hex, studio.member(credits)
    for number in failing:
        world.gemini.fail_when(f"{token} number {number}", faults.finished_for("SAFETY"))
    job_id = studio.job("pipeline_stage", three_prompts(token), total_images=3, member=member)
    studio.push(job_id)
    studio.wait([job_id])
    world.gemini.clear_faults()
    return job_id, member, token


def cancelled_midway(world, studio):
    """A job of 30 images that was cancelled by its key when some of them were there."""
    token, member = uuid4().hex, studio.member(1_000)
    world.gemini.fail_when(token, slow(1.0))
    job_id = studio.job("simple_general", {"prompt": token}, total_images=30, member=member)
    studio.push(job_id)
    until(lambda: studio.job_row(job_id)["completed_images"] >= 1, "an image is there")
    studio.cancel(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "user_cancelled"
    until(lambda: studio.job_row(job_id)["completed_at"] is not None, "its last image is counted")
    world.gemini.clear_faults()
    return job_id, member


def differences_of(studio, job_id, member):
    """What the audit says of a job, its production and its payer, who had 100 credits."""
    ours = {str(job_id), str(production_of(studio, job_id)["production_id"]), str(member)}
    found = own_audit(studio, starting_balances={member: 100})
    return [each for each in found if each.job_id == job_id or any(id in each.message for id in ours)]


def attach_path(studio, attach_id):
    statement = "SELECT attach_file_path FROM quel_attach WHERE attach_id = %s"
    return studio.rows(statement, attach_id)[0]["attach_file_path"]


def test_the_missing_image_of_a_completed_job_is_made_and_nothing_else(world, studio, quel):
    job_id, member, token = job_with_failures(world, studio, 2)
    before, calls = studio.job_row(job_id), len(world.calls(token))
    assert (before["completed_images"], before["failed_images"]) == (2, 1)

    answer = quel("retry", str(job_id))

    assert answer.returncode == 0, answer.stderr
    assert "image 2; 5 credits" in answer.stdout
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 0)
    assert row["error_message"] is None
    assert row["completed_at"] > before["completed_at"]
    first, new, third = row["generated_attach_ids"]
    assert [first, third] == before["generated_attach_ids"]
    paths = [attach_path(studio, attach_id) for attach_id in (first, new, third)]
    assert [path.rsplit("_", 1)[1] for path in paths] == ["000.webp", "001-1.webp", "002.webp"]
    production = production_of(studio, job_id)
    assert production["attach_ids"] == [first, third, new]
    assert production["generated_image_count"] == 3
    assert production["production_status"] == "completed"
    assert len(world.calls(token)) == calls + 1
    assert member_balance(studio, member) == 100 - 3 * PRICE
    assert_books_agree(studio, job_id)
    assert differences_of(studio, job_id, member) == []


def test_while_it_is_open_again_counters_and_production_say_so(world, studio, quel):
    job_id, _, _ = job_with_failures(world, studio, 1, 3)
    assert quel("pause").returncode == 0
    time.sleep(HONOURED_WITHIN_S)
    try:
        assert quel("retry", str(job_id)).returncode == 0
        row = studio.job_row(job_id)
        assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("processing", 1, 0)
        assert row["completed_at"] is None
        assert row["error_message"] is None
        assert production_of(studio, job_id)["production_status"] == "processing"
        again = quel("retry", str(job_id))
        assert again.returncode == 1
        assert "still processing" in again.stderr
    finally:
        quel("resume")
    assert studio.wait([job_id])[job_id]["completed_images"] == 3


def test_a_job_that_failed_whole_completes(world, studio, quel):
    job_id, member, _ = job_with_failures(world, studio, 1, 2, 3)
    assert studio.job_row(job_id)["job_status"] == "failed"
    assert quel("retry", str(job_id), "--failed").returncode == 0
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 0)
    assert production_of(studio, job_id)["generated_image_count"] == 3
    assert member_balance(studio, member) == 100 - 3 * PRICE


def test_one_image_alone_is_made_and_the_others_stay_failed(world, studio, quel):
    job_id, _, _ = job_with_failures(world, studio, 1, 3)
    assert quel("retry", str(job_id), "--image", "3").returncode == 0
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 1)
    assert "Image 1 of 3 failed" in row["error_message"]


def test_a_cancelled_job_is_completed_although_its_key_is_still_set(world, studio, quel):
    job_id, member = cancelled_midway(world, studio)
    cancelled = studio.job_row(job_id)
    assert quel("retry", str(job_id)).returncode == 0
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 30, 0)
    assert set(cancelled["generated_attach_ids"]) < set(row["generated_attach_ids"])
    assert production_of(studio, job_id)["generated_image_count"] == 30
    assert member_balance(studio, member) == 1_000 - 30 * PRICE


def test_a_delivered_image_is_made_once_more_beside_the_old_one(world, studio, quel):
    job_id, member, token = job_with_failures(world, studio, 2)
    before = studio.job_row(job_id)
    paths = {attach_path(studio, each) for each in before["generated_attach_ids"]}
    assert quel("retry", str(job_id), "--images", "3").stderr.strip().endswith("nothing is missing.")
    answer = quel("retry", str(job_id), "--images", "3,1", "--again")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"image 4 like 1, image 5 like 3; {2 * PRICE} credits" in answer.stdout
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 4, 1)
    assert row["total_images"] == 5
    assert row["generated_attach_ids"][:2] == before["generated_attach_ids"]
    assert len({attach_path(studio, each) for each in row["generated_attach_ids"]} | paths) == 4
    old, new = (world.calls(f"{token} number 3")[place] for place in (0, -1))
    assert new.seed != old.seed
    assert member_balance(studio, member) == 100 - 4 * PRICE
    assert production_of(studio, job_id)["generated_image_count"] == 4
    assert quel("retry", str(job_id), "--failed").returncode == 0
    assert studio.wait([job_id])[job_id]["completed_images"] == 5
    assert_books_agree(studio, job_id)
    assert differences_of(studio, job_id, member) == []


def test_one_more_that_fails_or_that_nobody_can_pay_for_leaves_what_is_there(world, studio, quel):
    job_id, member, token = job_with_failures(world, studio, credits=3 * PRICE)
    answer = quel("retry", str(job_id), "--images", "1", "--again")
    assert (answer.returncode, "credits" in answer.stderr) == (1, True)
    assert studio.job_row(job_id)["total_images"] == 3
    studio.rows("UPDATE quel_member SET quel_member_credit = %s WHERE quel_member_id = %s", PRICE, member)
    world.gemini.fail_when(f"{token} number 1", faults.finished_for("SAFETY"))
    assert quel("retry", str(job_id), "--images", "1", "--again").returncode == 0
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 1)
    assert member_balance(studio, member) == PRICE


def test_failed_leaves_cancelled_images_alone(world, studio, quel):
    job_id, _ = cancelled_midway(world, studio)
    answer = quel("retry", str(job_id), "--failed")
    assert (answer.returncode, answer.stderr.strip()) == (0, "No image of the job has failed.")
    assert studio.job_row(job_id)["job_status"] == "user_cancelled"


def test_who_cannot_pay_for_what_is_missing_is_told_so(world, studio, quel):
    job_id, member, _ = job_with_failures(world, studio, 2, 3)
    studio.rows("UPDATE quel_member SET quel_member_credit = 9 WHERE quel_member_id = %s", member)
    answer = quel("retry", str(job_id))
    assert answer.returncode == 1
    assert "2 images at 5 credits each cost 10 credits, but the member's balance is 9" in answer.stderr
    assert studio.job_row(job_id)["job_status"] == "completed"
    assert quel("retry", str(job_id), "--image", "2").returncode == 0
    assert studio.wait([job_id])[job_id]["completed_images"] == 2


def test_a_job_with_everything_has_nothing_to_retry(world, studio, quel):
    job_id, _, _ = job_with_failures(world, studio)
    answer = quel("retry", str(job_id))
    assert (answer.returncode, answer.stderr.strip()) == (0, "No image of the job is missing.")
    one = quel("retry", str(job_id), "--image", "2")
    assert (one.returncode, one.stderr.strip()) == (0, "Image 2 was delivered: nothing is missing.")
    beyond = quel("retry", str(job_id), "--image", "4")
    assert (beyond.returncode, beyond.stderr.strip()) == (1, "The job has no image 4: its plan has 3.")


def test_a_refused_job_is_fetched_anew_once_its_reason_is_gone(world, studio, quel):
    token, member = uuid4().hex, studio.member(4)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=2, member=member)
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "failed"
    refused = quel("retry", str(job_id))
    assert refused.returncode == 1
    assert "Not enough credits" in refused.stderr
    assert studio.job_row(job_id)["job_status"] == "failed"
    studio.rows("UPDATE quel_member SET quel_member_credit = 10 WHERE quel_member_id = %s", member)
    assert quel("retry", str(job_id)).returncode == 0
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    assert production_of(studio, job_id)["production_status"] == "completed"
    assert member_balance(studio, member) == 0


def test_wrong_usage_and_unknown_jobs_end_with_2(studio, quel):
    member = studio.member()
    job_id = studio.job("simple_general", {"prompt": "x"}, total_images=1, member=member)
    assert quel("retry", str(uuid4())).returncode == 2
    assert quel("retry", "not-an-id").returncode == 2
    assert quel("retry", str(job_id), "--failed", "--image", "1").returncode == 2
    pending = quel("retry", str(job_id))
    assert (pending.returncode, "still pending" in pending.stderr) == (1, True)
