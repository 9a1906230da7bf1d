"""Many jobs at once: the price first, each done once whoever dies over it, and stopped on demand."""

import json

import pytest
from bench.million.rows import write_jobs

from quel.core.operations.action_log import Actor, Channel
from quel.core.operations.bulk import BulkAction, BulkOrder, read_where
from quel.environment import read_settings
from quel.operations.bulk import begin_bulk, estimate_bulk, find_bulk, send_bulk, work_off
from quel.operations.services import OperatorServices
from tests.integration.harness import until
from tests.integration.quel_command import run_quel

WORDS = ("retry", "--where", "reason=overloaded since=120d")


@pytest.fixture
def jobs(pipeline):
    """A database with 2,000 jobs: the newest wait, 3 in 200 failed."""
    write_jobs(pipeline.database_url, 2_000, say=lambda _: None)
    return pipeline


@pytest.fixture
def services(jobs):
    """An operator's neighbours, in the name of somebody who asks over HTTP."""
    opened = OperatorServices(read_settings(jobs.environment()), actor=Actor("bob", Channel.API, "r-1"))
    yield opened
    opened.close()


def told(pipeline, *arguments, code=0):
    answer = run_quel(pipeline.environment(QUEL_ACTOR="ada"), *arguments, "--json")
    assert answer.returncode == code, answer.stderr
    return json.loads(answer.stdout)


def states(pipeline):
    rows = pipeline.studio.rows("SELECT state, count(*) AS n FROM quel.image GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def test_what_was_told_before_is_what_happens(jobs):
    studio, before = jobs.studio, states(jobs)
    poor = studio.rows(
        """UPDATE quel.job SET payer_kind = 'member', payer_id = %s WHERE job_id =
        (SELECT job_id FROM quel.image WHERE state = 'failed' ORDER BY 1 LIMIT 1) RETURNING job_id""",
        studio.member(credits=4),
    )
    studio.rows("""UPDATE quel_production_jobs SET job_status = 'user_cancelled', completed_at = NULL
        WHERE job_id = (SELECT max(job_id::text)::uuid FROM quel.image WHERE state = 'failed')""")
    first = told(jobs, *WORDS, "--dry-run")
    assert states(jobs) == before
    refused = run_quel(jobs.environment(), *WORDS)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    done = told(jobs, *WORDS, "--yes", code=1)
    same = ("jobs", "images", "credits", "cost_usd", "declined")
    assert {name: done[name] for name in same} == {name: first[name] for name in same}
    assert (done["done"], done["others"]) == (first["jobs"], first["declined"])
    assert sum(first["declined"].values()) == len(poor)
    assert states(jobs)["planned"] == first["images"] == first["credits"] / 5
    assert first["cost_usd"] == pytest.approx(first["images"] * 0.0336)
    actions = told(jobs, "actions", "--limit", "1000")
    assert {(a["actor"], a["verb"], a["outcome"]) for a in actions} == {
        ("ada", "retry", "done"),
        ("ada", "bulk retry", "done"),
    }
    assert len(actions) == first["jobs"] + 1
    assert told(jobs, *WORDS, "--yes")["jobs"] == 0
    assert told(jobs, "bulk", "list")[0]["bulk_id"] == done["bulk_id"]


def test_all_open_jobs_are_cancelled_and_none_of_another_program(jobs):
    foreign = jobs.studio.job("simple_general", {"imageBase64": "iVBO"}, total_images=1, member=None)
    first = told(jobs, "cancel", "--where", "since=120d", "--dry-run")
    done = told(jobs, "cancel", "--where", "since=120d", "--yes")
    assert (done["done"], done["others"]) == (first["jobs"], {})
    assert done["jobs"] == 300
    assert jobs.studio.redis.get(f"job:{foreign}:cancelled") is None
    assert len(jobs.studio.redis.keys("job:*:cancelled")) == 300


def test_what_is_killed_in_the_midst_is_gone_on_with_by_a_worker(jobs, services):
    order = BulkOrder(BulkAction.RETRY, read_where("reason=overloaded since=120d"), name="after the outage")
    found = estimate_bulk(services, order)
    begun = begin_bulk(services, order, found)

    class Killed(BaseException):
        pass

    advance = services.bulk.advance

    def dies_between_the_act_and_its_note(*arguments, position, **rest):
        if position == 5:
            raise Killed
        return advance(*arguments, position=position, **rest)

    services.bulk.advance = dies_between_the_act_and_its_note
    with pytest.raises(Killed):
        work_off(services, begun.bulk_id)
    services.bulk.advance = advance
    halfway = find_bulk(services, begun.bulk_id)
    assert (halfway.position, halfway.done, halfway.ended_at) == (4, 4, None)
    jobs.workers("run_bulk", threads=1)
    send_bulk(services)
    until(lambda: find_bulk(services, begun.bulk_id).ended_at, "the act has ended")
    ended = find_bulk(services, begun.bulk_id)
    assert (ended.done, ended.others, ended.stopped) == (begun.jobs, {}, False)
    assert states(jobs)["planned"] == found.images
    actions = told(jobs, "actions", "--limit", "1000")
    assert {(a["actor"], a["channel"]) for a in actions} == {("bob", "api")}
    assert not work_off(services, begun.bulk_id)


def test_what_is_stopped_does_nothing_more(jobs, services):
    order = BulkOrder(
        BulkAction.CANCEL,
        job_ids=tuple(
            row["job_id"]
            for row in jobs.studio.rows(
                "SELECT job_id FROM quel_production_jobs WHERE job_status = 'processing'"
            )
        ),
    )
    begun = begin_bulk(services, order, estimate_bulk(services, order), expected=150)
    assert work_off(services, begun.bulk_id)
    with services.bulk.exclusive(begun.bulk_id):
        assert not work_off(services, begun.bulk_id)  # somebody else is at it
    stopped = told(jobs, "bulk", "stop", str(begun.bulk_id))
    assert (stopped["bulk"]["position"], stopped["bulk"]["stopped"]) == (100, True)
    assert not work_off(services, begun.bulk_id)
    assert len(jobs.studio.redis.keys("job:*:cancelled")) == 100
    again = run_quel(jobs.environment(), "bulk", "stop", str(begun.bulk_id))
    assert (again.returncode, "ended already" in again.stderr) == (1, True)
    assert run_quel(jobs.environment(), "bulk", "show", str(jobs.studio.member())).returncode == 2
