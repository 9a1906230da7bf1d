"""An image tells what became of it, and stays one short row however long that takes."""

import pytest
from sqlalchemy import text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_history import LONGEST
from quel.adapters.postgres.image_state import FREE, OF_JOB, PREPARE_AGAIN, TRY_AGAIN, move
from quel.sandbox.studio import Studio


@pytest.fixture
def image(world, database_url, redis_url):
    """A job with one image that is at the provider, and its database."""
    studio = Studio(database_url, redis_url, world.storage)
    member = studio.member()
    job = studio.job("single_batch", {}, total_images=1, member=member, job_status="processing")
    studio.rows(
        "INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price,"
        " result_owner, plan) VALUES (%s, 'fashion', 'c', 'member', %s, %s, 5, 'o', '{}')",
        *(job, member, member),
    )
    studio.rows(
        "INSERT INTO quel.image (job_id, image_no, path, customer, state, lease_owner)"
        " VALUES (%s, 0, 'fashion', 'c', 'generating', 'me')",
        job,
    )
    database = Database(database_url, pool_size=1)
    yield database, job
    database.close()


def moved(image, transition, **values):
    database, job = image
    statement = move(transition, OF_JOB)
    database.run(lambda connection: connection.execute(statement, {"job_id": job, "lease": "me"} | values))
    row = database.run(lambda connection: connection.execute(text("SELECT history FROM quel.image")).one())
    return row.history


def test_each_move_is_noted_once_with_what_belongs_to_it(image):
    first = moved(image, TRY_AGAIN, attempts=1, broken=0, delay_s=2.5)
    assert [(note["what"], note["n"], note["s"]) for note in first] == [("waits", 1, 2.5)]
    second = moved(image, PREPARE_AGAIN)
    assert second[0] == first[0]
    assert [note["what"] for note in second] == ["waits", "to be prepared again"]
    assert moved(image, FREE) == second  # nobody holds it: nothing moves, and nothing is noted


def test_of_many_moves_the_first_and_the_last_stay_and_the_rest_is_counted(image):
    for n in range(100):
        database, _ = image
        database.run(
            lambda connection: connection.execute(
                text("UPDATE quel.image SET state = 'generating', lease_owner = 'me'")
            )
        )
        history = moved(image, TRY_AGAIN, attempts=n, broken=0, delay_s=1)
    assert len(history) == LONGEST
    dropped = [note for note in history if note["what"] == "dropped"]
    assert [note["n"] for note in dropped] == [100 - LONGEST + 1]
    kept = [note["n"] for note in history if note["what"] == "waits"]
    assert kept == [*range(19), *range(80, 100)]
