"""A worker dies where money or an object could be lost; tests/chaos dies at every moment there is.

These two need neither a lease to lapse nor a heartbeat to be missed, so they take seconds.
"""

import time
from typing import TypedDict
from uuid import UUID, uuid4

import dramatiq
import pytest

from quel.sandbox.studio import Studio
from tests.integration.harness import Pipeline, broker_of, until

PRICE = 5


class Settings(TypedDict):
    """Variables beside those of the harness."""

    QUEL_STUCK_AFTER_S: str
    QUEL_MAX_RECOVERIES: str


SETTINGS = Settings(QUEL_STUCK_AFTER_S="1", QUEL_MAX_RECOVERIES="100")


def order(studio: Studio, token: str) -> tuple[UUID, UUID]:
    member = studio.member(credits=100)
    input_data = {"prompt": token, "uploadedAttachIds": [{"attachId": studio.photograph("brick.png")}]}
    return member, studio.job("simple_general", input_data, total_images=2, member=member)


def ended(pipeline: Pipeline, job_id: UUID) -> bool:
    """Whether the job has ended; if not, a sweep is sent, as the scheduler does every minute."""
    name = "sweep_stuck_jobs"
    with broker_of(pipeline.broker_redis_url) as broker:
        broker.enqueue(dramatiq.Message(name, name, (), {}, {}))
    time.sleep(1)
    rows = pipeline.studio.rows("SELECT completed_at FROM quel_production_jobs WHERE job_id = %s", job_id)
    return rows[0]["completed_at"] is not None


@pytest.mark.parametrize("moment", ["after:GenerateImageRows.mark_made", "after:PersistOutputRows.deliver#2"])
def test_an_image_is_stored_and_charged_once_when_its_worker_dies(moment: str, pipeline: Pipeline) -> None:
    token = uuid4().hex
    studio = pipeline.studio
    member, job_id = order(studio, token)
    studio.push(job_id)
    pipeline.die_at(moment, **SETTINGS)
    pipeline.workers(**SETTINGS)
    until(lambda: ended(pipeline, job_id), "the job ends")
    row = studio.job_row(job_id)

    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 2, 0)
    attached = studio.rows("SELECT attach_file_path FROM quel_attach WHERE attach_file_type = 'image/webp'")
    assert len(attached) == len({each["attach_file_path"] for each in attached}) == 2
    ledger = studio.rows("SELECT amount, balance_after FROM quel_credits ORDER BY balance_after DESC")
    assert [(each["amount"], each["balance_after"]) for each in ledger] == [(-PRICE, 95), (-PRICE, 90)]
    credits = studio.rows("SELECT quel_member_credit AS n FROM quel_member WHERE quel_member_id = %s", member)
    assert credits[0]["n"] == 90
    until(lambda: len(pipeline.world.calls(token)) == 2, "two calls to the provider")
