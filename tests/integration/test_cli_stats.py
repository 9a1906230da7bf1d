"""`quel stats`: jobs and images by outcome, credits and cost, from rows of every kind."""

import json
from uuid import uuid4

import pytest

from quel.sandbox.gemini import faults
from tests.integration.harness import Pipeline
from tests.integration.quel_command import run_quel


@pytest.fixture(scope="module")
def figures(world, tmp_path_factory):
    """A pipeline with jobs that completed, failed, were refused, and still wait."""
    own = Pipeline(world, tmp_path_factory.mktemp("stats"))
    studio, token, member = own.studio, uuid4().hex, own.studio.member(1_000)
    world.gemini.fail_when(f"{token} blocked", faults.finished_for("SAFETY"))
    stages = [{"prompt": f"{token} fine", "quantity": 2}, {"prompt": f"{token} blocked", "quantity": 1}]
    jobs = [
        studio.job("pipeline_stage", {"stages": stages}, total_images=3, member=member, path=None),
        studio.job("simple_general", {"prompt": token}, total_images=2, member=member, path="beauty"),
        studio.job("simple_general", {"prompt": token}, total_images=4, member=studio.member(0)),
    ]
    workers = own.workers()
    studio.push(*jobs)
    studio.wait(jobs)
    workers.terminate()
    world.gemini.clear_faults()
    studio.job("simple_general", {"prompt": token}, total_images=1, member=member, path="eats")
    old = studio.job("simple_general", {"prompt": token}, total_images=1, member=member, path="eats")
    studio.rows(
        "UPDATE quel_production_jobs SET created_at = now() - interval '2 days' WHERE job_id = %s", old
    )
    yield own
    own.close()


def stats(figures, *arguments):
    answer = run_quel(figures.environment(), "stats", "--json", *arguments)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_by_path(figures):
    groups = {group["key"]: group for group in stats(figures)}
    assert sorted(groups) == ["beauty", "eats", "fashion"]
    fashion = groups["fashion"]
    assert (fashion["jobs"], fashion["completed"], fashion["failed"]) == (2, 1, 1)
    assert (fashion["images_stored"], fashion["images_failed"]) == (2, 5)
    assert fashion["credits"] == 10
    assert fashion["cost_usd"] == pytest.approx(2 * 0.0336)
    assert fashion["median_seconds"] > 0
    assert (groups["beauty"]["credits"], groups["beauty"]["images_stored"]) == (10, 2)
    assert (groups["eats"]["pending"], groups["eats"]["median_seconds"]) == (1, None)


def test_by_type_and_a_longer_span(figures):
    groups = {group["key"]: group for group in stats(figures, "--by", "type", "--since", "3d")}
    assert groups["simple_general"]["jobs"] == 4
    assert groups["simple_general"]["pending"] == 2
    assert groups["pipeline_stage"]["images_failed"] == 1


def test_by_reason(figures):
    reasons = {each["reason"]: each for each in stats(figures, "--by", "reason")}
    assert (reasons["refused"]["images"], reasons["refused"]["jobs"]) == (4, 1)
    (other,) = [each for reason, each in reasons.items() if reason != "refused"]
    assert (other["images"], other["jobs"]) == (1, 1)


def test_the_table_names_the_span(figures):
    answer = run_quel(figures.environment(), "stats", "--by", "reason", "--since", "90m")
    assert "Jobs of the last 1 h 30 m by reason" in answer.stdout
    assert "refused" in answer.stdout
    assert run_quel(figures.environment(), "stats", "--since", "soon").returncode == 2
