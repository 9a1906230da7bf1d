"""A customer's words are in no statement that waits, and leave quel's rows some time after the end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest

from quel.adapters.postgres.operations.retry_job import RetryJobRows
from quel.core.pipeline import Step
from quel.environment import read_settings
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from quel.stages.prepare_inputs import prepare_inputs
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.integration.harness import Pipeline, until

WORDS = f"words-{uuid4().hex}"
DAY_S = 86_400.0

_EVERYTHING = (
    "SELECT (SELECT json_agg(t) FROM quel.image t)::text || (SELECT json_agg(t) FROM quel.job t)::text"
)
_WAITING = (
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def services(pipeline: Pipeline):
    """The neighbours of one process that runs stages by hand; no worker lives beside it."""
    with closing(Services(read_settings(pipeline.environment()), threads=2)) as services:
        yield services


def ordered(pipeline, images=1):
    data = {"prompt": WORDS, "userId": "someone"}
    return pipeline.studio.job(
        "simple_general", data, total_images=images, member=pipeline.studio.member(100)
    )


def kept(pipeline):
    """Everything that quel's own rows hold, as text."""
    [row] = pipeline.studio.rows(_EVERYTHING)
    return str(next(iter(row.values())))


def statements_while(
    pipeline: Pipeline, locked: str, job_id: object, work: Callable[[], object]
) -> list[str]:
    """What waits while somebody holds a row; then the row is let go of and the work ends."""
    with closing(psycopg2.connect(pipeline.database_url)) as holder, ThreadPoolExecutor(1) as thread:
        holder.cursor().execute(f"SELECT 1 FROM {locked} WHERE job_id = %s FOR UPDATE", (str(job_id),))
        future = thread.submit(work)
        until(lambda: pipeline.studio.rows(_WAITING), "something waits")
        waiting = [row["query"] for row in pipeline.studio.rows(_WAITING)]
        holder.rollback()
        future.result(30)
    return waiting


@pytest.mark.parametrize("locked", ["quel.image", "quel.job", "quel_production_jobs"])
def test_what_waits_for_a_row_when_images_become_ready_carries_no_prompt(pipeline, services, locked):
    job_id = ordered(pipeline)
    fetch_job(services, job_id)
    waiting = statements_while(pipeline, locked, job_id, lambda: prepare_inputs(services, job_id))
    assert waiting
    assert not [statement for statement in waiting if WORDS in statement]
    assert WORDS in kept(pipeline)


def test_what_waits_when_a_job_that_was_set_back_is_claimed_again_carries_no_prompt(pipeline, services):
    job_id = ordered(pipeline)
    fetch_job(services, job_id)
    pipeline.studio.rows(
        "UPDATE quel_production_jobs SET job_status = 'pending' WHERE job_id = %s", str(job_id)
    )
    waiting = statements_while(pipeline, "quel.job", job_id, lambda: fetch_job(services, job_id))
    assert waiting
    assert not [statement for statement in waiting if WORDS in statement]


def test_prompts_leave_the_rows_after_their_days_and_a_retry_makes_the_plan_from_the_input(
    pipeline, services
):
    job_id, open_job = ordered(pipeline, 2), ordered(pipeline)
    for each in (job_id, open_job):
        fetch_job(services, each)
        prepare_inputs(services, each)
    pipeline.studio.rows("UPDATE quel.image SET state = 'failed' WHERE job_id = %s", str(job_id))
    pipeline.studio.rows(
        "UPDATE quel_production_jobs SET job_status = 'failed', completed_at = now() WHERE job_id = %s",
        str(job_id),
    )
    plan = services.prepare_inputs.load(job_id).plan
    pipeline.let_pass(29 * DAY_S)
    services.sweep_stuck_jobs.forget_prompts(30)
    assert kept(pipeline).count(WORDS) == 5  # three images, two plans
    pipeline.let_pass(2 * DAY_S)
    assert services.sweep_stuck_jobs.forget_prompts(30) == 3
    assert kept(pipeline).count(WORDS) == 2  # those of the job that is open
    assert services.sweep_stuck_jobs.forget_prompts(30) == 0

    rows = RetryJobRows(services.database)
    ended = rows.load(job_id)
    assert ended is not None
    assert not ended.prompts_kept
    assert rows.reopen(ended, [0, 1], plan) is None
    assert prepare_inputs(services, job_id)[0].step is Step.GENERATE_IMAGE
    assert kept(pipeline).count(WORDS) == 5


def test_a_sweep_forgets_what_is_old(pipeline, services):
    job_id = ordered(pipeline)
    fetch_job(services, job_id)
    pipeline.studio.rows("UPDATE quel.image SET state = 'failed'")
    pipeline.studio.rows("UPDATE quel_production_jobs SET job_status = 'failed', completed_at = now()")
    pipeline.let_pass(31 * DAY_S)
    sweep_stuck_jobs(services)
    assert WORDS not in kept(pipeline)
