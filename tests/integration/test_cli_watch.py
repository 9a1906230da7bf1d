"""`quel watch` on rows as they move."""

import subprocess
from uuid import uuid4

import pytest

from tests.integration.harness import PATIENCE_S, until
from tests.integration.quel_command import QUEL, run_quel


@pytest.fixture
def job(pipeline):
    member = pipeline.studio.member()
    return pipeline.studio.job("single_batch", {"basePrompt": "x"}, total_images=2, member=member)


def set_row(pipeline, job, **columns):
    changes = ", ".join(f"{name} = %s" for name in columns)
    statement = f"UPDATE quel_production_jobs SET {changes} WHERE job_id = %s"
    pipeline.studio.rows(statement, *columns.values(), job)


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 1), ("cancelled", 1), ("user_cancelled", 1)]
)
def test_its_exit_code_is_the_outcome(pipeline, job, status, code):
    set_row(pipeline, job, job_status=status, completed_images=2)
    answer = run_quel(pipeline.environment(), "watch", str(job))
    assert answer.returncode == code
    assert f"{job} fashion single_batch: {status}, 2 of 2" in answer.stdout


def test_one_failed_job_among_several_makes_it_fail_with_the_reason(pipeline, job):
    other = pipeline.studio.job("single_batch", {}, total_images=1, member=None, path=None)
    set_row(pipeline, job, job_status="completed", completed_images=2)
    set_row(pipeline, other, job_status="failed", failed_images=1, error_message="It [bold]broke[/bold].")
    answer = run_quel(pipeline.environment(), "watch", str(job), str(other))
    assert answer.returncode == 1
    assert f"{other}: It [bold]broke[/bold]." in answer.stderr
    assert "failed, 0 of 1, 1 failed" in answer.stdout


def test_it_follows_a_job_until_it_ends(pipeline, job, tmp_path):
    lines = tmp_path / "lines"
    with lines.open("w") as output:
        watching = subprocess.Popen(
            [QUEL, "watch", str(job)], env=pipeline.environment(), stdout=output, stderr=output
        )
    until(lambda: "pending, 0 of 2" in lines.read_text(), "the first line")
    set_row(pipeline, job, job_status="processing", completed_images=1)
    until(lambda: "processing, 1 of 2" in lines.read_text(), "the second line")
    set_row(pipeline, job, job_status="completed", completed_images=2)
    assert watching.wait(PATIENCE_S) == 0
    assert len(lines.read_text().splitlines()) == 3


def test_a_job_whose_row_vanishes_is_not_well(pipeline, job, tmp_path):
    with (tmp_path / "lines").open("w") as output:
        watching = subprocess.Popen(
            [QUEL, "watch", str(job)], env=pipeline.environment(), stdout=output, stderr=output
        )
    until(lambda: (tmp_path / "lines").read_text(), "the first line")
    pipeline.studio.rows("DELETE FROM quel_production_jobs WHERE job_id = %s", job)
    assert watching.wait(PATIENCE_S) == 1
    assert "deleted" in (tmp_path / "lines").read_text()


def test_an_unknown_id_is_wrong_usage_and_named(pipeline, job):
    unknown = uuid4()
    answer = run_quel(pipeline.environment(), "watch", str(job), str(unknown))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert str(unknown) in answer.stderr
    assert str(job) not in answer.stderr


@pytest.mark.parametrize("arguments", [[], ["not-an-id"]])
def test_no_id_at_all_is_wrong_usage(pipeline, arguments):
    assert run_quel(pipeline.environment(), "watch", *arguments).returncode == 2


def test_a_missing_setting_is_named(pipeline, job):
    answer = run_quel(pipeline.environment(DATABASE_URL=""), "watch", str(job))
    assert answer.returncode == 2
    assert "DATABASE_URL" in answer.stderr


def test_a_database_that_does_not_answer_is_said_in_a_sentence(pipeline, job):
    unreachable = "postgresql://quel:secret-word@127.0.0.1:1/none"
    answer = run_quel(pipeline.environment(DATABASE_URL=unreachable), "watch", str(job))
    assert answer.returncode == 1
    assert "PostgreSQL" in answer.stderr
    assert "secret-word" not in answer.stderr
