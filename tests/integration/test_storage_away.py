"""While Storage is away, or refuses quel itself, what is paid for waits: one try an image, delivered once.

Two refusals here; tests/chaos/test_storage_faults.py has them all, test_outages.py a Storage that is away.
"""

from contextlib import closing
from uuid import UUID, uuid4

import psycopg2
import pytest

from quel.adapters.redis.client import connect
from quel.adapters.redis.messages import send
from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED
from quel.core.pipeline import MOST_STARTS, Step, StepMessage
from quel.core.prepare_inputs import LEASE_S, Lookahead
from quel.environment import read_settings
from quel.sandbox.faults import Fault
from quel.sandbox.storage import faults
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import prepare_inputs
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.integration.harness import Pipeline, World, broker_of, until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance


@pytest.fixture
def services(pipeline: Pipeline):
    """The neighbours of one process that runs stages by hand; no worker lives beside it."""
    with closing(Services(read_settings(pipeline.environment()), threads=4)) as services:
        yield services


def ordered(pipeline: Pipeline, images: int, member: UUID, **data) -> UUID:
    prompt = {"prompt": uuid4().hex} | data
    return pipeline.studio.job("simple_general", prompt, total_images=images, member=member)


def made(world: World, services: Services, job_id: UUID) -> None:
    """What workers do with a job of one image until it waits to be stored."""
    fetch_job(services, job_id)
    prepare_inputs(services, job_id)
    services.blobs.put_output(job_id, 0, PictureBytes(world.photograph("brick.png"), "image/png"))
    services.database.run(
        lambda connection: connection.exec_driver_sql("UPDATE quel.image SET state = 'made'")
    )


REFUSALS = {
    "bucket": faults.error(404, "Bucket not found", "Bucket not found", "NoSuchBucket"),
    "a gateway's page": Fault("page", status=413, body="<html>nginx</html>", content_type="text/html"),
}


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
def test_every_picture_is_kept_until_storage_takes_it_and_is_bought_once(world, pipeline, fault):
    member = pipeline.studio.member(100)
    jobs = [ordered(pipeline, 3, member) for _ in range(2)]
    for job_id in jobs:
        world.storage.fail_when(str(job_id), fault, operation="upload")
    workers = pipeline.workers()
    pipeline.studio.push(*jobs)
    waiting = "SELECT 1 FROM quel.image WHERE state = 'made' AND not_before > updated_at"
    until(lambda: len(pipeline.studio.rows(waiting)) == 6, "every image waits for Storage")
    world.storage.clear_faults()
    pipeline.studio.wait(jobs)
    assert member_balance(pipeline.studio, member) == 100 - 6 * PRICE
    for job_id in jobs:
        assert pipeline.studio.job_row(job_id)["completed_images"] == 3
        assert_books_agree(pipeline.studio, job_id)
    stored = [call for call in world.storage.calls() if call.operation == "upload" and call.status == 200]
    assert sum(str(job_id) in each.path for each in stored for job_id in jobs) == 6
    prompts = [pipeline.studio.job_row(job_id)["job_input_data"]["prompt"] for job_id in jobs]
    assert [len(world.calls(prompt)) for prompt in prompts] == [3, 3]
    assert workers.terminate() == 0
    with closing(connect(pipeline.broker_redis_url)) as broker:
        assert [key for key in broker.keys("dramatiq:*.XQ*") if b"msgs" in key] == []


def test_a_refused_key_is_no_missing_reference(world, pipeline):
    """The bucket is private and the key is refused: nobody pays for a picture without their model."""
    member, token = pipeline.studio.member(100), uuid4().hex
    model = pipeline.studio.attach(world.photograph("brick.png"), f"{token}.png", public=False)
    world.storage.fail_when(token, faults.forbidden(), operation="read")
    job_id = ordered(pipeline, 1, member, uploadedAttachIds=[{"attachId": model, "type": "model"}])
    workers = pipeline.workers()
    pipeline.studio.push(job_id)
    until(lambda: "misconfigured" in workers.log.read_text(), "the refusal is told")
    assert pipeline.studio.job_row(job_id)["job_status"] == "processing"
    world.storage.clear_faults()
    row = pipeline.studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["error_message"]) == ("completed", 1, None)


def test_the_webp_is_encoded_once_and_other_messages_about_the_image_end_at_once(world, pipeline, services):
    job_id = ordered(pipeline, 1, pipeline.studio.member(100))
    made(world, services, job_id)
    world.storage.fail_when(str(job_id), faults.wrong_type(), operation="upload")
    [again] = persist_output(services, job_id, 0)
    assert (again.step, again.job_id, again.image_no) == (Step.PERSIST_OUTPUT, job_id, 0)
    assert 1.0 <= again.delay_s <= 2.0
    kept = services.blobs.output(job_id, 0)
    assert kept is not None
    assert kept.mime_type == ENCODED
    assert kept.data.startswith(b"RIFF")
    assert persist_output(services, job_id, 0) == ()  # its pause is not over
    pauses = []
    for _ in range(8):
        services.database.run(skip_the_pause)
        [again] = persist_output(services, job_id, 0)
        pauses.append(round(again.delay_s - 0.5))
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    world.storage.clear_faults()
    services.database.run(skip_the_pause)
    assert persist_output(services, job_id, 0) == (StepMessage(Step.FINALIZE_JOB, job_id),)


def skip_the_pause(connection) -> None:
    """As if its pause had passed: both moments lie back, as far apart as they were."""
    connection.exec_driver_sql(
        "UPDATE quel.image SET updated_at = updated_at - (not_before - now()) - interval '1 ms',"
        " not_before = now() - interval '1 ms'"
    )


def test_while_one_message_stores_an_image_another_one_does_not(world, pipeline, services):
    job_id = ordered(pipeline, 1, pipeline.studio.member(100))
    made(world, services, job_id)
    first = services.persist_output.begin(job_id, 0, "first")
    assert first is not None
    assert first.begun
    second, again = (services.persist_output.begin(job_id, 0, owner) for owner in ("second", "first"))
    assert second is not None
    assert again is not None
    assert (second.begun, again.begun) == (False, True)


def test_a_payers_row_that_somebody_holds_is_not_waited_for_and_the_object_is_not_stored_again(
    world, pipeline, services
):
    member = pipeline.studio.member(100)
    job_id = ordered(pipeline, 1, member)
    made(world, services, job_id)
    with closing(psycopg2.connect(pipeline.database_url)) as holder, holder.cursor() as cursor:
        cursor.execute(
            "UPDATE quel_member SET quel_member_credit = 100 WHERE quel_member_id = %s", [str(member)]
        )
        [again] = persist_output(services, job_id, 0)
        assert again.step is Step.PERSIST_OUTPUT
        [image] = pipeline.studio.rows("SELECT state, object_bytes, lease_owner FROM quel.image")
        assert (image["state"], image["lease_owner"]) == ("made", None)
        assert image["object_bytes"] > 0
    uploads = len(uploads_of(world, job_id))
    services.database.run(skip_the_pause)
    assert persist_output(services, job_id, 0) == (StepMessage(Step.FINALIZE_JOB, job_id),)
    assert len(uploads_of(world, job_id)) == uploads == 1
    finalize_job(services, job_id)
    assert_books_agree(pipeline.studio, job_id)


def uploads_of(world: World, job_id: UUID) -> list[object]:
    return [c for c in world.storage.calls() if c.operation == "upload" and str(job_id) in c.path]


def test_a_transaction_that_falls_silent_is_ended_but_for_the_sweeps_own(services):
    def setting(connection) -> str:
        return str(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar())

    assert services.database.run(setting) == "10s"
    with services.database.held() as connection:
        assert setting(connection) == "0"


@pytest.mark.parametrize("step", [Step.PREPARE_INPUTS, Step.PERSIST_OUTPUT])
def test_a_lost_message_is_found_while_those_of_others_wait(world, pipeline, services, step):
    lost, flowing = (ordered(pipeline, 1, pipeline.studio.member(100)) for _ in range(2))
    for job_id in (lost, flowing):
        fetch_job(services, job_id)
        if step is Step.PERSIST_OUTPUT:
            prepare_inputs(services, job_id)
    if step is Step.PERSIST_OUTPUT:
        services.database.run(lambda c: c.exec_driver_sql("UPDATE quel.image SET state = 'made'"))
    image_no = None if step is Step.PREPARE_INPUTS else 0
    with broker_of(pipeline.broker_redis_url) as broker:
        broker.declare_queue(step.value)
        send(broker, [StepMessage(step, flowing, image_no)])
    pipeline.let_pass(61)
    found = [message for message in sweep_stuck_jobs(services) if message.step is step]
    assert found == [StepMessage(step, lost, image_no)]


def test_a_job_whose_preparation_ends_its_process_again_and_again_fails_with_a_reason(pipeline, services):
    job_id = ordered(pipeline, 2, pipeline.studio.member(100))
    fetch_job(services, job_id)
    for _ in range(MOST_STARTS):
        assert services.prepare_inputs.take(Lookahead(("fashion",)), "a message") is not None
        pipeline.let_pass(LEASE_S + 1)
    assert prepare_inputs(services, job_id) == (StepMessage(Step.FINALIZE_JOB, job_id),)
    finalize_job(services, job_id)
    row = pipeline.studio.job_row(job_id)
    assert (row["job_status"], row["failed_images"]) == ("failed", 2)
    assert "ended the process" in row["error_message"]


def test_so_does_an_image_whose_storing_does(world, pipeline, services):
    job_id = ordered(pipeline, 1, pipeline.studio.member(100))
    made(world, services, job_id)
    for _ in range(MOST_STARTS):
        services.persist_output.begin(job_id, 0, "a message")
    assert persist_output(services, job_id, 0, owner="a message") == (StepMessage(Step.FINALIZE_JOB, job_id),)
    finalize_job(services, job_id)
    assert "ended the process" in pipeline.studio.job_row(job_id)["error_message"]


def test_errors_in_order_are_no_such_ends(world, pipeline, services):
    job_id = ordered(pipeline, 1, pipeline.studio.member(100))
    made(world, services, job_id)
    for _ in range(9):
        services.persist_output.begin(job_id, 0, "a message")
    done = persist_output(services, job_id, 0, owner="a message", tries=9)
    assert done == (StepMessage(Step.FINALIZE_JOB, job_id),)
    assert pipeline.studio.rows("SELECT state FROM quel.image")[0]["state"] == "stored"
