"""Redis loses everything in the middle: quotas hold, a pause stays, a cancellation that was seen stays."""

import time
from uuid import uuid4

import pytest
import redis

from quel.sandbox import faults
from tests.integration.harness import until
from tests.integration.quel_command import run_quel

CALL_S = 12.0
A_LITTLE_S = 5.0  # long enough for calls that should not begin to begin


def flush(pipeline):
    """As FLUSHALL on a server of its own."""
    for url in (pipeline.redis_url, pipeline.broker_redis_url):
        with redis.Redis.from_url(url) as client:
            client.flushdb()


def order(pipeline, token, images):
    studio = pipeline.studio
    job_id = studio.job("simple_general", {"prompt": token}, total_images=images, member=studio.member())
    studio.push(job_id)
    return job_id


def most_at_once(calls):
    """The most calls that were under way at one moment."""
    began = [(call.arrived_at, 1) for call in calls]
    ended = [(call.finished_at, -1) for call in calls if call.finished_at]
    most = now = 0
    for _, step in sorted(began + ended):
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("QUEL_GEMINI_RPM", 3),
        pytest.param("QUEL_GEMINI_RPD", 3, marks=pytest.mark.slow),
        pytest.param("QUEL_GEMINI_CONCURRENCY", 3, marks=pytest.mark.slow),
    ],
)
def test_no_quota_is_exceeded_after_a_flush_with_calls_under_way(world, pipeline, setting, value):
    token = uuid4().hex
    world.gemini.fail_next(faults.slow(CALL_S), times=value, containing=token)
    pipeline.workers(**{setting: value})
    order(pipeline, token, 8)
    until(lambda: len(world.calls(token)) == value, "the quota is used")
    flush(pipeline)
    pipeline.workers(**{setting: value})  # a process that remembers nothing either
    time.sleep(A_LITTLE_S)
    if setting == "QUEL_GEMINI_CONCURRENCY":
        until(lambda: len(world.calls(token)) == 8, "the others are made")
        assert most_at_once(world.calls(token)) == value
    else:
        assert len(world.calls(token)) == value


def test_a_pause_stays_when_redis_forgets_it_and_ends_when_it_is_resumed(world, pipeline):
    token = uuid4().hex
    assert run_quel(pipeline.environment(), "pause", "--why", "a look").returncode == 0
    flush(pipeline)
    pipeline.workers()
    job_id = order(pipeline, token, 1)
    until(lambda: pipeline.studio.rows("SELECT 1 FROM quel.image WHERE state = 'ready'"), "it waits")
    time.sleep(A_LITTLE_S)
    assert world.calls(token) == []
    assert run_quel(pipeline.environment(), "resume").returncode == 0
    assert pipeline.studio.wait([job_id])[job_id]["job_status"] == "completed"


def test_a_pause_by_somebody_who_reaches_redis_alone_stays_once_a_worker_has_seen_it(world, pipeline):
    only_redis = pipeline.environment(DATABASE_URL="")
    assert run_quel(only_redis, "pause", "--path", "fashion").returncode == 0
    pipeline.workers()
    job_id = order(pipeline, uuid4().hex, 1)
    until(lambda: pipeline.studio.rows("SELECT 1 FROM quel.paused_path"), "it is written down")
    flush(pipeline)
    assert "fashion is paused" in run_quel(pipeline.environment(), "pause", "--path", "eats").stdout
    assert run_quel(only_redis, "resume").returncode == 0
    assert pipeline.studio.wait([job_id])[job_id]["job_status"] == "completed"
    assert pipeline.studio.rows("SELECT * FROM quel.paused_path") == []


def test_a_cancel_key_that_was_seen_is_in_the_row(world, pipeline):
    token = uuid4().hex
    studio = pipeline.studio
    job_id = studio.job("simple_general", {"prompt": token}, total_images=2, member=studio.member())
    pipeline.workers("fetch_job")  # sees the key, and nobody closes the job yet
    studio.cancel(job_id)
    studio.push(job_id)
    until(lambda: studio.job_row(job_id)["job_status"] == "user_cancelled", "the row says so")
    assert studio.job_row(job_id)["completed_at"] is None
    pipeline.kill()
    flush(pipeline)
    pipeline.let_pass(61)  # a pending job that young may be in somebody's hands
    pipeline.workers()
    row = pipeline.sweep_until(lambda: (row := studio.job_row(job_id))["completed_at"] and row)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("user_cancelled", 0, 0)
    assert world.calls(token) == []


def test_a_cancel_key_that_comes_when_every_image_is_there_changes_nothing(pipeline):
    studio = pipeline.studio
    groups = ("fetch_job", "prepare_inputs", "generate_image", "persist_output")
    pipeline.workers(*groups)
    job_id = order(pipeline, uuid4().hex, 1)
    until(lambda: studio.job_row(job_id)["completed_images"] == 1, "its image is there")
    studio.cancel(job_id)
    pipeline.workers("finalize_job", "sweep_stuck_jobs")
    row = pipeline.sweep_until(lambda: (row := studio.job_row(job_id))["completed_at"] and row)
    assert (row["job_status"], row["completed_images"]) == ("completed", 1)
