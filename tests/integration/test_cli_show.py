"""One job as `quel show` tells it, who did something to it, and a question that takes too long."""

import json

import pytest
from bench.million.rows import write_jobs
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quel.adapters.postgres.database import Database
from quel.core.errors import QuestionTooLong
from tests.integration.quel_command import run_quel


@pytest.fixture
def jobs(pipeline):
    """A database with 400 jobs: the newest wait, one in seventy failed."""
    write_jobs(pipeline.database_url, 400, say=lambda _: None)
    return pipeline


def one(pipeline, status):
    statement = "SELECT job_id FROM quel_production_jobs WHERE job_status::text = %s ORDER BY 1 LIMIT 1"
    return str(pipeline.studio.rows(statement, status)[0]["job_id"])


def shown(pipeline, *arguments):
    answer = run_quel(pipeline.environment(QUEL_ACTOR="ada"), *arguments, "--json")
    assert answer.returncode in (0, 1), answer.stderr
    return json.loads(answer.stdout)


def test_a_job_says_what_its_images_wait_for_what_was_sent_and_what_it_cost(jobs):
    waiting = shown(jobs, "show", one(jobs, "processing")[:8])
    first = waiting["images"][0]
    assert first["facts"]["state"] == "ready"
    assert "next to go" in first["waits_for"] or "go before it" in first["waits_for"]
    assert first["facts"]["prompt"] is None
    run_quel(jobs.environment(QUEL_ACTOR="ada"), "pause", "--why", "a deploy")
    paused = shown(jobs, "show", one(jobs, "processing"), "--prompts")
    assert "Everything is paused" in paused["images"][0]["waits_for"]
    assert paused["images"][0]["facts"]["prompt"].startswith("A quiet street")
    done = shown(jobs, "show", one(jobs, "completed"))
    stored = [image["facts"] for image in done["images"] if image["facts"]["state"] == "stored"]
    assert done["charged"] == 5 * len(stored) == sum(facts["charged"] for facts in stored)
    assert [note["what"] for note in stored[0]["history"]] == ["prepared", "called", "stored"]
    assert done["images"][0]["waits_for"] is None
    table = run_quel(jobs.environment(), "show", one(jobs, "failed"))
    assert "overloaded: The provider was overloaded." in table.stdout


def test_who_did_what_is_on_record_also_where_it_was_declined(jobs):
    open_job, ended = one(jobs, "processing"), one(jobs, "completed")
    run_quel(jobs.environment(QUEL_ACTOR="ada"), "pause", "--path", "eats", "--why", "lunch")
    run_quel(jobs.environment(QUEL_ACTOR="ada"), "cancel", open_job, ended, "--wait", "0")
    run_quel(jobs.environment(QUEL_ACTOR="bob"), "retry", open_job)
    actions = shown(jobs, "actions")
    assert [(a["actor"], a["verb"], a["job_id"], a["outcome"]) for a in actions] == [
        ("bob", "retry", open_job, "declined"),
        ("ada", "cancel", open_job, "done"),
        ("ada", "pause", None, "done"),
    ]
    assert actions[2]["target"] == {"path": "eats", "why": "lunch"}
    told = shown(jobs, "show", open_job)["job"]["actions"]
    assert [a["verb"] for a in told] == ["cancel", "retry"]
    database = Database(jobs.database_url, pool_size=1)
    for statement in ("UPDATE quel.action SET actor = 'eve'", "DELETE FROM quel.action"):
        with pytest.raises(DBAPIError, match="stays on record"), database.engine.begin() as connection:
            connection.execute(text(statement))
    database.close()


def test_lists_narrow_by_what_is_asked_and_go_on_where_a_page_ended(jobs):
    everything = shown(jobs, "jobs", "--status", "all", "--limit", "1000")
    assert len(everything) == 400
    assert everything == sorted(everything, key=lambda job: job["created_at"], reverse=True)
    failed = shown(jobs, "jobs", "--status", "failed", "--status", "user_cancelled")
    assert {job["status"] for job in failed} == {"failed", "user_cancelled"}
    overloaded = shown(jobs, "jobs", "--reason", "overloaded")
    assert {job["job_id"] for job in overloaded} >= {j["job_id"] for j in failed if j["status"] == "failed"}
    environment = jobs.environment()
    first = run_quel(environment, "jobs", "--status", "all", "--limit", "250", "--json")
    cursor = first.stderr.split("--after ")[1].strip()
    rest = run_quel(environment, "jobs", "--status", "all", "--limit", "250", "--after", cursor, "--json")
    met = [job["job_id"] for answer in (first, rest) for job in json.loads(answer.stdout)]
    assert met == [job["job_id"] for job in everything]
    assert "There are more" not in rest.stderr
    other = run_quel(environment, "jobs", "--status", "failed", "--after", cursor)
    assert (other.returncode, "another filter" in other.stderr) == (2, True)


def test_a_question_that_takes_too_long_is_no_outage(database_url):
    database = Database(database_url, pool_size=1)

    def slow(connection):
        connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
        connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(QuestionTooLong, match=r"took longer than 15 s .* shorter span"):
        database.run(slow)
    database.close()
