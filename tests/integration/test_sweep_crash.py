"""What a crash of everything leaves is finished from the rows alone, and nothing is delivered twice."""

import time
from uuid import uuid4

import pytest
import redis

from quel.sandbox import faults
from quel.sandbox.gemini.faults import quota_minute
from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, production_of, results_of

AFTER_ANY_LEASE_S = 60
STARTING_S = 60  # longer than workers take to start
LONG_AGO_S = 700  # beyond the default of QUEL_STUCK_AFTER_S


def forget_everything(pipeline):
    """Redis comes back empty: lists, messages, leases of quota, bytes."""
    for url in (pipeline.redis_url, pipeline.broker_redis_url):
        with redis.Redis.from_url(url) as client:
            client.flushdb()


@pytest.mark.slow
def test_workers_killed_midway_and_an_empty_redis_lose_nothing_and_double_nothing(world, pipeline):
    studio = pipeline.studio
    token = uuid4().hex
    brick = [{"attachId": studio.photograph("brick.png"), "type": "top"}]
    world.gemini.fail_when(token, faults.slow(0.6))
    pipeline.workers(processes=2, threads=4)
    members = [studio.member() for _ in range(3)]
    data = {"prompt": token, "uploadedAttachIds": brick}
    jobs = [studio.job("simple_general", data, total_images=10, member=member) for member in members]
    studio.push(*jobs)
    until(lambda: sum(studio.job_row(job)["completed_images"] for job in jobs) >= 6, "some are stored")
    pipeline.kill()
    until(lambda: all(call.finished_at for call in world.calls(token)), "the provider is at rest")
    time.sleep(3)  # a request may have been on its way when its sender was killed
    begun = len(world.calls(token))
    stored = sum(studio.job_row(job)["completed_images"] for job in jobs)
    assert stored < 30
    forget_everything(pipeline)
    pipeline.let_pass(LONG_AGO_S)
    pipeline.workers()
    rows = pipeline.sweep_until(lambda: all_ended(studio, jobs))
    assert [(row["job_status"], row["completed_images"], row["failed_images"]) for row in rows] == [
        ("completed", 10, 0)
    ] * 3
    assert len(world.calls(token)) - begun <= 30 - stored  # only what is missing was asked for again
    for job, member in zip(jobs, members, strict=True):
        assert_books_agree(studio, job)
        assert member_balance(studio, member) == 1_000 - 10 * PRICE
        assert production_of(studio, job)["production_status"] == "completed"
        assert len(results_of(studio, job)) == 10


def all_ended(studio, jobs):
    rows = [studio.job_row(job) for job in jobs]
    return rows if all(row["completed_at"] for row in rows) else None


def test_a_killed_workers_images_are_free_again_when_their_leases_have_run_out(world, pipeline):
    studio = pipeline.studio
    token = uuid4().hex
    world.gemini.fail_next(faults.hang(), times=2, containing=token)
    pipeline.workers()
    job_id = studio.job("simple_general", {"prompt": token}, total_images=2, member=studio.member())
    studio.push(job_id)
    until(lambda: len(world.calls(token)) == 2, "both images are at the provider")
    pipeline.kill()
    pipeline.let_pass(-STARTING_S)  # as if the next workers were there at once
    pipeline.workers()
    pipeline.sweep()
    assert len(world.calls(token)) == 2  # a lease that is alive keeps everybody away
    pipeline.let_pass(STARTING_S + AFTER_ANY_LEASE_S)
    row = pipeline.sweep_until(lambda: all_ended(studio, [job_id]))[0]
    assert (row["job_status"], row["completed_images"], row["retry_count"]) == ("completed", 2, 1)
    assert len(world.calls(token)) == 4
    assert_books_agree(studio, job_id)


def test_a_job_that_brings_nothing_new_is_closed_after_its_recoveries_with_what_it_has(world, pipeline):
    """Nobody serves generate_image any more, so every recovery is in vain."""
    studio = pipeline.studio
    token = uuid4().hex
    world.gemini.fail_next(faults.slow(0.0), times=2, containing=token)
    world.gemini.fail_when(token, faults.hang())
    member = studio.member()
    pipeline.workers()
    started = studio.job("simple_general", {"prompt": token}, total_images=5, member=member)
    studio.push(started)
    until(lambda: studio.job_row(started)["completed_images"] == 2, "two images are there")
    pipeline.kill()
    settings = {"QUEL_MAX_RECOVERIES": 2}
    pipeline.workers("fetch_job", "prepare_inputs", "finalize_job", "sweep_stuck_jobs", **settings)
    barren = studio.job("simple_general", {"prompt": token}, total_images=3, member=member)
    studio.push(barren)
    states = "SELECT count(*) AS ready FROM quel.image WHERE job_id = %s AND state = 'ready'"
    until(lambda: studio.rows(states, barren)[0]["ready"] == 3, "the second job is prepared")
    for recoveries in (1, 2):
        pipeline.let_pass(LONG_AGO_S)
        pipeline.sweep(times=3)  # several at once are as good as one
        rows = [studio.job_row(job) for job in (started, barren)]
        assert [(row["job_status"], row["retry_count"]) for row in rows] == [("processing", recoveries)] * 2
    pipeline.let_pass(LONG_AGO_S)
    pipeline.sweep()
    rows = [studio.job_row(job) for job in (started, barren)]
    assert [(row["job_status"], row["completed_images"], row["failed_images"]) for row in rows] == [
        ("completed", 2, 3),
        ("failed", 0, 3),
    ]
    for job, row in zip((started, barren), rows, strict=True):
        assert "2 times" in row["error_message"]
        assert production_of(studio, job)["production_status"] == row["job_status"]
        assert_books_agree(studio, job)
    assert member_balance(studio, member) == 1_000 - 2 * PRICE


def test_what_waits_for_a_path_that_is_off_or_for_quota_is_not_stuck(world, pipeline, tmp_path):
    studio = pipeline.studio
    token = uuid4().hex
    file = tmp_path / "quel.yaml"
    file.write_text("worker: {modules: {beauty: {enabled: false}}}")
    pipeline.workers(QUEL_CONFIG=file, QUEL_MAX_RECOVERIES=0)
    world.gemini.fail_next(quota_minute("600s"), containing=token)
    member = studio.member()
    deferred, blocked = (  # one image each: a second one might be on its way to the provider as time leaps
        studio.job("simple_general", {"prompt": token}, total_images=1, member=member, path=path)
        for path in ("beauty", "fashion")
    )
    studio.push(deferred, blocked)
    until(lambda: any(call.status == 429 for call in world.calls(token)), "calls are blocked")
    moving = "SELECT 1 FROM quel.image WHERE state IN ('planned', 'generating', 'made') AND path = 'fashion'"
    until(lambda: not studio.rows(moving), "nobody is at work")
    for _ in range(3):
        pipeline.let_pass(LONG_AGO_S)
        pipeline.sweep()
    pipeline.kill()  # what a process knows of the circuit breaker goes with it
    studio.redis.delete("quel:quota:gate")
    pipeline.workers(QUEL_CONFIG=file, QUEL_MAX_RECOVERIES=0)
    row = studio.wait([blocked])[blocked]
    assert (row["job_status"], row["completed_images"], row["retry_count"]) == ("completed", 1, 0)
    row = studio.job_row(deferred)
    assert (row["job_status"], row["retry_count"]) == ("pending", 0)


def test_the_scheduler_sends_the_sweep(pipeline):
    studio = pipeline.studio
    pipeline.workers()
    lost = studio.job("simple_general", {"prompt": "a hill"}, total_images=1, member=studio.member())
    pipeline.let_pass(LONG_AGO_S)
    pipeline.scheduler(DATABASE_URL="", SUPABASE_URL="", SUPABASE_SERVICE_KEY="", GEMINI_API_KEY="")
    row = studio.wait([lost])[lost]
    assert (row["job_status"], row["retry_count"]) == ("completed", 1)
