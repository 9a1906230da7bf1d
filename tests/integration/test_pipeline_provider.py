"""How a job fares with each way the provider can answer: mended, waited for, or failed with its reason."""

import io
from uuid import uuid4

import pytest
from PIL import Image

from quel.sandbox import faults
from quel.sandbox.faults import Fault
from quel.sandbox.gemini import faults as gemini
from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, production_of
from tests.unit.provider_answers import NAMES, answer_named

MENDABLE = [
    gemini.server_error(503),
    gemini.quota_minute("1s"),
    gemini.truncated_picture(),
    gemini.text_only(),
    faults.cut_during_answer(),
]
MENDABLE_AS_WELL = [
    gemini.server_error(500),
    gemini.server_error(502),
    gemini.server_error(504),
    gemini.garbage_picture(),
    gemini.stopped_without_picture(),
    gemini.finished_for("NO_IMAGE"),
    gemini.invalid_json(),
    faults.cut_before_answer(),
    faults.gateway_page(502),
]
HOPELESS = [
    gemini.invalid_argument(),
    gemini.permission_denied(),
    gemini.unauthenticated(),
    gemini.retired_model(),
    gemini.blocked_prompt(),
    *(gemini.finished_for(reason) for reason in gemini.PERMANENT_FINISH_REASONS),
]


def by_name(fault):
    return fault.name


def run(studio, token, images=1, credits=1_000):
    """One job of text alone, run to its end; its id, row and member."""
    member = studio.member(credits)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=images, member=member)
    studio.push(job_id)
    return job_id, studio.wait([job_id])[job_id], member


@pytest.mark.parametrize(
    "fault",
    [*MENDABLE, *(pytest.param(fault, marks=pytest.mark.slow) for fault in MENDABLE_AS_WELL)],
    ids=by_name,
)
def test_what_another_call_can_mend_is_mended_and_paid_for_once(world, studio, workers, fault):
    token = uuid4().hex
    world.gemini.fail_next(fault, containing=token)
    job_id, row, member = run(studio, token)
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    assert [call.outcome for call in world.calls(token)] == [fault.name, "made"]
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 1_000 - PRICE


@pytest.mark.parametrize("fault", HOPELESS, ids=by_name)
def test_what_no_call_can_mend_fails_at_once_with_a_reason_and_costs_nothing(world, studio, workers, fault):
    token = uuid4().hex
    world.gemini.fail_when(token, fault)
    job_id, row, member = run(studio, token)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, 1)
    assert row["error_message"].startswith("The image failed: ")
    assert len(world.calls(token)) == 1
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 1_000
    assert production_of(studio, job_id)["production_status"] == "failed"


@pytest.mark.parametrize(
    "fault", [gemini.text_only(), gemini.garbage_picture(), gemini.finished_for("IMAGE_OTHER")], ids=by_name
)
def test_an_answer_without_a_readable_picture_gets_three_calls_in_all(world, studio, workers, fault):
    token = uuid4().hex
    world.gemini.fail_when(token, fault)
    _, row, member = run(studio, token)
    assert (row["job_status"], row["failed_images"]) == ("failed", 1)
    assert len(world.calls(token)) == 3
    assert member_balance(studio, member) == 1_000


@pytest.mark.parametrize(
    "fault", [gemini.jpeg_picture(), gemini.text_before_picture(), gemini.several_pictures()], ids=by_name
)
def test_a_picture_is_stored_as_webp_however_the_answer_holds_it(world, studio, workers, fault):
    token = uuid4().hex
    world.gemini.fail_when(token, fault)
    job_id, row, _ = run(studio, token)
    assert_books_agree(studio, job_id)
    [attach] = studio.rows("SELECT * FROM quel_attach WHERE attach_id = ANY(%s)", row["generated_attach_ids"])
    picture = Image.open(io.BytesIO(world.storage.get(attach["attach_file_path"])))
    assert (picture.format, picture.size) == ("WEBP", (448, 256))
    assert len(world.calls(token)) == 1


AS_SEEN = {  # what error_message says, and the calls
    "e200_503": (None, ["e200_503", "made"]),
    "e400_key_no_details": ("API key", ["e400_key_no_details"]),
    "e400_nested_string": ("location", ["e400_nested_string"]),
}


def test_every_answer_that_people_reported_ends_as_it_should(world, pipeline):
    pipeline.workers()
    studio, member = pipeline.studio, pipeline.studio.member(1_000)
    tokens = {name: uuid4().hex for name in NAMES}
    jobs = {}
    for name, token in tokens.items():
        answer = answer_named(name)
        body = answer.body.decode(errors="surrogateescape")
        world.gemini.fail_next(Fault(name, status=answer.status, body=body), containing=token)
        jobs[name] = studio.job("simple_general", {"prompt": token}, total_images=1, member=member)
    studio.push(*jobs.values())
    rows = studio.wait(list(jobs.values()))
    for name, token in tokens.items():
        words, calls = AS_SEEN.get(name, (None, [name]))
        row = rows[jobs[name]]
        assert row["job_status"] == ("failed" if words else "completed"), (name, row["error_message"])
        assert words is None or words in row["error_message"]
        assert [call.outcome for call in world.calls(token)] == calls
        assert_books_agree(studio, jobs[name])


def test_a_job_that_loses_some_images_completes_with_the_reasons(world, studio, workers):
    token = uuid4().hex
    world.gemini.fail_when(f"{token} forbidden", gemini.blocked_prompt("PROHIBITED_CONTENT"))
    member = studio.member(100)
    stages = [
        {"prompt": f"{token} fine", "quantity": 2},
        {"prompt": f"{token} forbidden", "quantity": 1},
        {"prompt": f"{token} fine too", "quantity": 1},
    ]
    job_id = studio.job("pipeline_stage", {"stages": stages}, total_images=4, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("completed", 3, 1)
    assert row["error_message"].startswith("Image 3 of 4 failed: ")
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 100 - 3 * PRICE
    assert production_of(studio, job_id)["production_status"] == "completed"


def test_a_job_that_loses_every_image_fails_and_costs_nothing(world, studio, workers):
    token = uuid4().hex
    world.gemini.fail_when(token, gemini.finished_for("IMAGE_SAFETY"))
    job_id, row, member = run(studio, token, images=3)
    assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, 3)
    assert len(world.calls(token)) == 3
    assert_books_agree(studio, job_id)
    assert member_balance(studio, member) == 1_000
    assert production_of(studio, job_id)["production_status"] == "failed"


@pytest.mark.slow
def test_waiting_for_quota_spends_no_attempt_and_failing_calls_do(world, pipeline):
    pipeline.workers(QUEL_GEMINI_MAX_ATTEMPTS=2, QUEL_GEMINI_TIMEOUT_S=8)
    waiting, failing, hanging = (uuid4().hex for _ in range(3))
    world.gemini.fail_next(gemini.quota_minute("0.2s"), times=4, containing=waiting)
    world.gemini.fail_when(failing, gemini.server_error(503))
    world.gemini.fail_next(faults.hang(), containing=hanging)
    studio = pipeline.studio
    _, row, _ = run(studio, waiting)
    assert (row["job_status"], row["error_message"]) == ("completed", None)
    assert [call.status for call in world.calls(waiting)] == [429] * 4 + [200]
    _, row, member = run(studio, failing)
    assert (row["job_status"], row["failed_images"]) == ("failed", 1)
    assert len(world.calls(failing)) == 2
    assert member_balance(studio, member) == 1_000
    _, row, _ = run(studio, hanging)
    assert row["job_status"] == "completed"
    assert len(world.calls(hanging)) == 2


def test_a_429_keeps_all_images_waiting_as_long_as_the_provider_says(world, studio, workers):
    token = uuid4().hex
    world.gemini.fail_next(gemini.quota_minute("3s"), containing=token)
    jobs = [
        studio.job("simple_general", {"prompt": token}, total_images=images, member=studio.member())
        for images in (1, 3)
    ]
    studio.push(jobs[0])
    until(lambda: studio.redis.exists("quel:quota:gate"), "the word has spread")
    studio.push(jobs[1])
    assert {row["job_status"] for row in studio.wait(jobs).values()} == {"completed"}
    refused, *later = world.calls(token)
    assert refused.status == 429
    assert [call.status for call in later] == [200] * 4
    assert min(call.arrived_at for call in later) >= refused.arrived_at + 3
    for job_id in jobs:
        assert_books_agree(studio, job_id)


@pytest.mark.slow
def test_what_an_operator_must_mend_is_waited_for_and_spends_no_attempt(world, pipeline):
    """One of the kinds that tests/chaos/test_operator_faults.py has."""
    fault = gemini.spending_cap()
    pipeline.workers()
    token, studio = uuid4().hex, pipeline.studio
    world.gemini.fail_next(fault, containing=token)
    job_id = studio.job("simple_general", {"prompt": token}, total_images=1, member=studio.member(100))
    studio.push(job_id)
    until(lambda: studio.redis.hget("quel:quota:gate", "reason"), "the fault is known")
    until(lambda: studio.rows("SELECT 1 FROM quel.image WHERE state = 'ready'"), "the image waits again")
    [image] = studio.rows("SELECT attempts, broken_answers FROM quel.image")
    assert (image["attempts"], image["broken_answers"]) == (0, 0)
    row = studio.job_row(job_id)
    assert (row["job_status"], row["failed_images"], row["error_message"]) == ("processing", 0, None)
    studio.redis.delete("quel:quota:gate")  # as the page for operators says, instead of waiting a minute
    assert studio.wait([job_id])[job_id]["job_status"] == "completed"
    assert [call.outcome for call in world.calls(token)] == [fault.name, "made"]
    assert_books_agree(studio, job_id)


def test_a_model_the_provider_does_not_know_fails_loudly_and_at_once(world, pipeline):
    pipeline.workers(GEMINI_MODEL="gemini-9-imaginary")
    calls_before = len(world.gemini.calls())
    _, row, member = run(pipeline.studio, uuid4().hex, images=1)
    assert row["job_status"] == "failed"
    assert "gemini-9-imaginary" in row["error_message"]
    assert [call.outcome for call in world.gemini.calls(calls_before)] == ["unknown_model"]
    assert member_balance(pipeline.studio, member) == 1_000
