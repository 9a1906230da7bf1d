"""Whose turn it is from the first step on, as the rows keep it, and who never waits for the input cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.fetch_line import FetchLineRows
from quel.core.pipeline import Step, StepMessage
from quel.core.prepare_inputs import AHEAD, Lookahead
from quel.environment import read_settings
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from tests.integration.harness import Pipeline, until

INPUT_BYTES = "quel:blobs:in:bytes"
EVERY_PATH = Lookahead(("beauty", "fashion"))


@pytest.fixture
def services(pipeline: Pipeline) -> Iterator[Services]:
    with closing(Services(read_settings(pipeline.environment()), threads=8)) as services:
        yield services


@pytest.fixture
def line(pipeline: Pipeline) -> Iterator[FetchLineRows]:
    with closing(Database(pipeline.database_url, pool_size=2)) as database:
        yield FetchLineRows(database)


def order(pipeline: Pipeline, member: UUID, images: int = 1, **columns: Any) -> UUID:
    data = {"prompt": "a mast"} | columns.pop("data", {})
    return pipeline.studio.job("simple_general", data, total_images=images, member=member, **columns)


def test_jobs_of_a_customer_that_are_claimed_at_once_share_no_turn(
    pipeline: Pipeline, services: Services
) -> None:
    member = pipeline.studio.member(1_000)
    jobs = [order(pipeline, member, images=3) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda job_id: fetch_job(services, job_id), jobs))
    turns = pipeline.studio.rows("SELECT turn FROM quel.image ORDER BY turn")
    assert [row["turn"] for row in turns] == list(range(24))


def test_a_newcomers_id_is_fetched_among_the_next_and_a_customers_own_in_order(
    pipeline: Pipeline, line: FetchLineRows
) -> None:
    studio = pipeline.studio
    customer, newcomer = studio.member(), studio.member()
    many = [order(pipeline, customer) for _ in range(6)]
    ended = order(pipeline, customer, job_status="completed")
    unknown = uuid4()
    assert line.line_up([*many[:4], ended, unknown, many[0]]) == set(many[:4])
    assert line.line_up(many[4:]) == set(many[4:])
    first = line.take(2)
    line.leave(first)
    new = order(pipeline, newcomer)
    line.line_up([new, many[3]])
    then = line.take(2)
    assert (first, then) == (many[:2], [many[2], new])
    assert line.take(9) == many[3:]
    assert line.take(9) == []
    studio.rows("UPDATE quel.fetch_line SET taken_at = taken_at - interval '61 seconds'")
    assert line.take(9) == [many[2], new, *many[3:]]  # whoever took them died


def test_a_job_in_line_is_not_lost(pipeline: Pipeline, line: FetchLineRows, services: Services) -> None:
    job_id = order(pipeline, pipeline.studio.member())
    pipeline.let_pass(120)

    def pending() -> list[UUID]:
        rules = services.rules
        jobs = services.sweep_stuck_jobs.open_jobs(rules.stuck_after_s, rules.adopt_within_s, "fashion")
        return [job.job_id for job in jobs.pending] if jobs else []

    assert pending() == [job_id]
    line.line_up([job_id])
    assert pending() == []


def test_one_of_many_that_prepare_takes_a_job_and_a_dead_ones_is_free_again(
    pipeline: Pipeline, services: Services
) -> None:
    job_id = order(pipeline, pipeline.studio.member())
    assert fetch_job(services, job_id) == (StepMessage(Step.PREPARE_INPUTS, job_id),)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: services.prepare_inputs.take(EVERY_PATH, "a message"), range(8)))
    [turn] = filter(None, taken)
    assert (turn.job_id, turn.starts, turn.others_wait) == (job_id, 1, False)
    pipeline.let_pass(25)
    services.prepare_inputs.renew([job_id])
    pipeline.let_pass(25)
    assert not services.prepare_inputs.waits(EVERY_PATH)
    pipeline.let_pass(6)
    assert services.prepare_inputs.waits(EVERY_PATH)


def test_what_waits_for_one_engine_keeps_no_job_of_another_from_being_prepared(
    pipeline: Pipeline, services: Services
) -> None:
    member = pipeline.studio.member(1_000)
    waiting, other = order(pipeline, member, images=AHEAD), order(pipeline, member)
    for job_id in (waiting, other):
        fetch_job(services, job_id)
    pipeline.studio.rows("UPDATE quel.image SET state = 'ready' WHERE job_id = %s", waiting)
    assert services.prepare_inputs.take(EVERY_PATH, "a message") is None
    pipeline.studio.rows("UPDATE quel.image SET engine = 'comfyui' WHERE job_id = %s", waiting)
    turn = services.prepare_inputs.take(EVERY_PATH, "a message")
    assert turn is not None
    assert turn.job_id == other


def test_words_alone_never_wait_for_the_input_cache(pipeline: Pipeline) -> None:
    studio = pipeline.studio
    studio.redis.set(INPUT_BYTES, 10**12)
    pipeline.workers()
    pictures = {"uploadedAttachIds": [{"attachId": studio.photograph("brick.png"), "type": "top"}]}
    first = order(pipeline, studio.member(), data=pictures)
    second = order(pipeline, studio.member())
    studio.push(first, second)
    assert studio.wait([second])[second]["job_status"] == "completed"
    assert {row["state"] for row in studio.rows("SELECT state FROM quel.image WHERE job_id = %s", first)} == {
        "planned"
    }
    studio.redis.delete(INPUT_BYTES)
    until(lambda: studio.job_row(first)["job_status"] == "completed", "there is room again")
