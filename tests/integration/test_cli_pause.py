"""`quel pause` and `quel resume`: the brake holds images back, and the sweep leaves what it holds alone."""

from contextlib import closing

import pytest

from quel.environment import read_settings
from quel.services import Services
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.integration.harness import until
from tests.integration.quel_command import run_quel

PAUSED_LONG = "now() - interval '2 hours'"


@pytest.fixture
def quel(pipeline):
    return lambda *arguments: run_quel(pipeline.environment(DATABASE_URL=""), *arguments)


def job(pipeline, path, token="x"):
    studio = pipeline.studio
    return studio.job("simple_general", {"prompt": token}, total_images=2, member=studio.member(), path=path)


def states(pipeline, job):
    rows = pipeline.studio.rows("SELECT state FROM quel.image WHERE job_id = %s", job)
    return [row["state"] for row in rows]


def test_a_paused_path_waits_while_others_run_and_goes_on_when_resumed(pipeline, quel):
    paused = quel("pause", "--path", "beauty", "--why", "the [new] model is checked")
    assert paused.returncode == 0
    assert "beauty is paused since" in paused.stdout
    assert "the [new] model is checked" in paused.stdout
    pipeline.workers()
    waiting, running = job(pipeline, "beauty"), job(pipeline, "eats")
    pipeline.studio.push(waiting, running)
    assert pipeline.studio.wait([running])[running]["job_status"] == "completed"
    until(lambda: states(pipeline, waiting) == ["ready", "ready"], "its images are ready")
    assert pipeline.studio.job_row(waiting)["job_status"] == "processing"
    assert quel("resume", "--path", "beauty").stdout.strip() == "Nothing is paused."
    assert pipeline.studio.wait([waiting])[waiting]["job_status"] == "completed"


@pytest.mark.parametrize("arguments", [(), ("--path", "fashion")])
def test_the_sweep_leaves_jobs_alone_that_a_pause_holds(pipeline, quel, arguments):
    assert quel("pause", *arguments).returncode == 0
    workers = pipeline.workers()
    claimed = job(pipeline, "fashion")
    pipeline.studio.push(claimed)
    until(lambda: states(pipeline, claimed) == ["ready", "ready"], "its images are ready")
    workers.terminate()
    pending = job(pipeline, None)
    _make_old(pipeline)
    assert sweep(pipeline) == ()
    for one in (claimed, pending):
        assert pipeline.studio.job_row(one)["retry_count"] == 0
    assert quel("resume").returncode == 0
    assert {message.job_id for message in sweep(pipeline)} == {claimed, pending}


def sweep(pipeline):
    """What a process sends that has just started, and so remembers no pause that is over."""
    with closing(Services(read_settings(pipeline.environment()))) as services:
        return sweep_stuck_jobs(services)


def _make_old(pipeline):
    """Everything last moved two hours ago."""
    pipeline.studio.rows(f"UPDATE quel.image SET updated_at = {PAUSED_LONG}")
    pipeline.studio.rows(f"UPDATE quel.job SET updated_at = {PAUSED_LONG}")
    pipeline.studio.rows("ALTER TABLE quel_production_jobs DISABLE TRIGGER USER")
    pipeline.studio.rows(f"UPDATE quel_production_jobs SET updated_at = {PAUSED_LONG}")
    pipeline.studio.rows("ALTER TABLE quel_production_jobs ENABLE TRIGGER USER")


def test_resume_without_a_path_lifts_every_pause(quel):
    quel("pause", "--path", "eats")
    both = quel("pause", "--why", "maintenance")
    assert "Everything is paused since" in both.stdout
    assert "eats is paused since" in both.stdout
    assert quel("resume").stdout.strip() == "Nothing is paused."


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_unknown_path_is_wrong_usage(quel, verb):
    answer = quel(verb, "--path", "zoo")
    assert answer.returncode == 2
    assert "cartoon" in answer.stderr
