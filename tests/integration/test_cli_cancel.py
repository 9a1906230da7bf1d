"""`quel cancel`, run as an operator does: what the front end does, and what became of it."""

from uuid import uuid4

from quel.sandbox.faults import slow
from tests.integration.harness import until
from tests.integration.quel_command import run_command, run_quel


def new_job(studio, total=1, **columns):
    data = {"prompt": uuid4().hex}
    return studio.job("simple_general", data, total_images=total, member=studio.member(), **columns)


def test_a_running_job_ends_with_what_it_had(world, studio, workers, shared_pipeline):
    world.gemini.fail_next(slow(0.0))
    world.gemini.fail_when("", slow(3.0))  # 8 threads need 37 s, long enough for a command to start
    job = new_job(studio, 100)
    studio.push(job)
    until(lambda: studio.job_row(job)["completed_images"] >= 1, "an image is there")
    answer = run_command(shared_pipeline.environment(), "cancel", str(job), "--wait", "120")
    assert answer.returncode == 0
    row = studio.job_row(job)
    assert row["job_status"] == "user_cancelled"
    kept = f"{row['completed_images']} of 100 images were delivered and are kept"
    assert f"{job}: cancelled, {kept}" in answer.stdout
    again = run_quel(shared_pipeline.environment(), "cancel", str(job))
    assert (again.returncode, kept in again.stdout) == (0, True)


def test_without_workers_the_key_is_set_and_the_message_waits(pipeline):
    studio = pipeline.studio
    marked, pending = new_job(studio, job_status="user_cancelled"), new_job(studio)
    answer = run_quel(pipeline.environment(), "cancel", str(marked), str(pending), "--wait", "0")
    assert answer.returncode == 0
    assert answer.stdout.count("a worker closes it") == 2
    for job in (marked, pending):
        assert studio.redis.get(f"job:{job}:cancelled") == b"true"
        assert 3_500 < studio.redis.ttl(f"job:{job}:cancelled") <= 3_600
    pipeline.workers()
    until(lambda: all(studio.job_row(job)["completed_at"] for job in (marked, pending)), "both are closed")
    assert {studio.job_row(job)["job_status"] for job in (marked, pending)} == {"user_cancelled"}


def test_what_cannot_be_cancelled_is_said_and_ends_with_1(pipeline):
    studio, unknown = pipeline.studio, uuid4()
    ended = new_job(studio, job_status="completed")
    answer = run_quel(pipeline.environment(), "cancel", str(unknown), str(ended))
    assert answer.returncode == 1
    assert f"{unknown}: there is no such job." in answer.stdout
    assert f"{ended}: has already ended as completed." in answer.stdout
    assert studio.redis.keys("job:*") == []
    assert run_quel(pipeline.environment(), "cancel", "nonsense").returncode == 2
