"""Leases and answers of images, as the rows keep them."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.turn_rows import TurnRows
from tests.integration.surroundings import Pipeline, until


@pytest.fixture
def turns(pipeline: Pipeline) -> Iterator[TurnRows]:
    """One image waits for its turn."""
    studio = pipeline.studio
    pipeline.workers("fetch_job", "prepare_inputs", threads=2)
    studio.push(studio.job("simple_general", {"prompt": "a mast"}, total_images=1, member=studio.member()))
    until(lambda: studio.rows("SELECT 1 FROM quel.image WHERE state = 'ready'"), "the image is ready")
    database = Database(pipeline.database_url, pool_size=2)
    yield TurnRows(database)
    database.close()


def test_an_answer_noted_twice_is_wanted_both_times_and_paid_once(
    pipeline: Pipeline, turns: TurnRows
) -> None:
    turn = turns.take(uuid4().hex, None)
    assert turn is not None
    assert turns.made(turn, 0.0336)
    assert turns.made(turn, 0.0336)  # the reply to the first commit was lost
    [image] = pipeline.studio.rows("SELECT state, cost_usd FROM quel.image")
    assert (image["state"], float(image["cost_usd"])) == ("made", 0.0336)


def test_an_answer_nobody_wants_any_more_is_told_so(pipeline: Pipeline, turns: TurnRows) -> None:
    turn = turns.take(uuid4().hex, None)
    assert turn is not None
    pipeline.studio.rows("UPDATE quel.image SET state = 'cancelled'")
    assert not turns.made(turn, 0.0336)


def test_a_lease_is_prolonged_while_it_is_held(pipeline: Pipeline, turns: TurnRows) -> None:
    turn = turns.take(uuid4().hex, None)
    assert turn is not None
    pipeline.studio.rows("UPDATE quel.image SET lease_until = now() + interval '1 second'")
    turns.renew([turn.lease])
    [image] = pipeline.studio.rows(
        "SELECT extract(epoch FROM lease_until - now())::float8 AS left FROM quel.image"
    )
    assert image["left"] > 25
    assert turns.take(uuid4().hex, None) is None
