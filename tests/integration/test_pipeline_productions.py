"""A production with several jobs: open until the last one ends, completed when any of them made something."""

from uuid import uuid4

from quel.sandbox.gemini import faults as gemini
from tests.integration.ledger import production_of


def job(studio, token, production, member, images=1):
    return studio.job(
        "simple_general", {"prompt": token}, total_images=images, member=member, production=production
    )


def test_it_stays_open_until_its_last_job_and_is_completed_by_any_that_made_something(world, studio, workers):
    blocked = uuid4().hex
    world.gemini.fail_when(blocked, gemini.blocked_prompt())
    member = studio.member()
    production = studio.production(member)
    jobs = [job(studio, prompt, production, member, images=2) for prompt in ("fine", blocked, "also fine")]
    seen = []
    for job_id in jobs:
        studio.push(job_id)
        studio.wait([job_id])
        seen.append(production_of(studio, job_id)["production_status"])
    assert seen == ["processing", "processing", "completed"]
    rows = [studio.job_row(job_id) for job_id in jobs]
    assert [row["job_status"] for row in rows] == ["completed", "failed", "completed"]
    after = production_of(studio, jobs[0])
    assert after["attach_ids"] == rows[0]["generated_attach_ids"] + rows[2]["generated_attach_ids"]
    assert after["generated_image_count"] == 4


def test_it_fails_when_none_of_its_jobs_made_anything(world, studio, workers):
    blocked = uuid4().hex
    world.gemini.fail_when(blocked, gemini.blocked_prompt())
    member = studio.member()
    production = studio.production(member)
    jobs = [job(studio, blocked, production, member) for _ in range(2)]
    studio.push(*jobs)
    studio.wait(jobs)
    assert production_of(studio, jobs[0])["production_status"] == "failed"


def test_jobs_that_end_at_the_same_time_lose_none_of_their_ids(studio, workers):
    member = studio.member()
    production = studio.production(member)
    jobs = [job(studio, "a hill", production, member, images=2) for _ in range(6)]
    studio.push(*jobs)
    rows = studio.wait(jobs)
    after = production_of(studio, jobs[0])
    assert sorted(after["attach_ids"]) == sorted(
        attach_id for row in rows.values() for attach_id in row["generated_attach_ids"]
    )
    assert (after["production_status"], after["generated_image_count"]) == ("completed", 12)
