"""prepare_inputs: references once a job, pictures once a stage, one message an image."""

from dataclasses import replace
from uuid import uuid4

import pytest

from quel.core.engines import ONE_SIZE, Capability, Maker
from quel.core.errors import Misconfigured, NoRoom, ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.models import model_for
from quel.core.pipeline import MOST_STARTS, ImageState, Step, StepMessage
from quel.core.prepare_inputs import LEASE_S, MOST_TRIES, Lookahead, pause_s
from quel.sandbox.memory.pictures import NO_PICTURE
from quel.stages.prepare_inputs import prepare_inputs
from tests.unit.stages.images import to_generate

DOWN = ServiceUnavailable("Storage does not answer.")


@pytest.fixture
def two_stages(job_after):
    """A claimed job of two stages of one image, with references given as (attach_id, type) of each."""

    def claim(first, second):
        stages = [
            {"prompt": "a mast", "quantity": 1, "individualImageAttachIds": [{"attachId": id, "type": type_}]}
            for id, type_ in (first, second)
        ]
        return job_after(Step.FETCH_JOB, 2, job_type="pipeline_stage", data={"stages": stages})

    return claim


def made_by(rules, max_pictures, sizes=ONE_SIZE):
    """The rules where Gemini's model can do so much."""
    capability = Capability("a model", max_pictures, sizes=sizes)
    routing = replace(rules.routing, capabilities={Maker(): capability})
    return replace(rules, intake=replace(rules.intake, routing=routing))


def finalize(job_id):
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def strict(services):
    services.rules = replace(services.rules, fail_on_missing_reference=True)


def shown(services, job_id, image_no=0):
    """The pictures an image is prepared with."""
    request = services.tables.images[job_id, image_no].request
    return [services.blobs.inputs[key].data for key in request.picture_keys]


def warnings(services, job_id):
    return " ".join(services.tables.pipeline_jobs[job_id].warnings)


def reason(services, job_id, image_no=0):
    return services.tables.images[job_id, image_no].reason


def test_a_job_that_quel_has_no_plan_of_needs_nothing(services):
    assert prepare_inputs(services, uuid4()) == ()


def test_a_job_set_back_to_pending_waits_for_its_claim(services, studio, batch):
    job_id = batch()
    studio.job_row(job_id).job_status = JobStatus.PENDING
    assert prepare_inputs(services, job_id) == ()


def test_a_job_that_somebody_else_ended_is_sent_to_be_cleared_away(services, studio, batch):
    job_id = batch()
    studio.job_row(job_id).job_status = JobStatus.FAILED
    assert prepare_inputs(services, job_id) == finalize(job_id)


def test_a_cancelled_job_is_sent_to_be_closed(services, studio, batch):
    job_id = batch()
    studio.cancel(job_id)
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert studio.states(job_id) == ["planned"]


def test_an_image_without_references_becomes_ready_with_its_words(services, studio, batch):
    job_id = batch(images=2)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0, 1)
    assert studio.states(job_id) == ["ready", "ready"]
    first, second = (services.tables.images[job_id, no].request for no in (0, 1))
    assert "a mast" in first.prompt
    assert first.picture_keys == ()
    assert first.seed != second.seed


@pytest.mark.parametrize(
    ("model", "asked", "made", "warned"),
    [
        ("gemini-nano-banana-2.1", None, "1K", False),
        ("gemini-nano-banana-2.1", "4K", "4K", False),
        ("gemini-3-pro-image", "1K", "2K", False),
        ("gemini-2.5-flash-image", "4K", "1K", True),
    ],
)
def test_an_image_is_prepared_at_the_size_asked_for_as_far_as_the_model_has_it(
    services, studio, job_after, model, asked, made, warned
):
    services.rules = made_by(services.rules, model_for(model).max_pictures, model_for(model).sizes)
    job_id = job_after(Step.FETCH_JOB, 1, data={"prompt": "a mast", "imageSize": asked})
    prepare_inputs(services, job_id)
    assert services.tables.images[job_id, 0].request.image_size == made
    assert ("imageSize 4K is more than" in warnings(services, job_id)) == warned


def test_a_second_message_calls_for_what_the_rows_call_for(services, batch):
    job_id = batch(images=2)
    prepare_inputs(services, job_id)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0, 1)


def test_references_are_shown_one_by_one_each_with_its_label(services, studio, batch):
    model, top, pants = (studio.attach(name.encode(), name) for name in ("model", "top", "pants"))
    job_id = batch((top, "top"), (model, "model"), (pants, "pants"), images=2)
    prepare_inputs(services, job_id)
    assert shown(services, job_id) == [b"model", b"top", b"pants"]
    assert shown(services, job_id, 0) == shown(services, job_id, 1)
    assert len(services.blobs.inputs) == 3
    assert services.tables.images[job_id, 0].request.labels == (
        "Image 1: the model; own clothes where no others are shown.",
        "Image 2: garment (top); the clothing alone.",
        "Image 3: garment (pants); the clothing alone.",
    )
    assert services.tables.pipeline_jobs[job_id].input_images == 3


def test_a_reference_is_read_once_however_many_images_show_it(services, studio, batch):
    top = studio.attach(b"top", "top")
    reads = []
    for _ in range(10):
        services.storage.trouble.plan("read_reference", lambda: reads.append(1))
    prepare_inputs(services, batch((top, "top"), images=5))
    assert len(reads) == 1


def test_combinations_that_show_the_same_share_one_picture(services, studio, job_after):
    services.rules = made_by(services.rules, max_pictures=1)
    references = [{"attachId": studio.attach(name.encode(), name), "type": "top"} for name in ("one", "two")]
    combinations = [{"angle": angle, "shot": "full", "quantity": 1} for angle in ("front", "back")]
    data = {"basePrompt": "a mast", "individualImageAttachIds": references, "combinations": combinations}
    job_id = job_after(Step.FETCH_JOB, 2, job_type="single_batch", data=data)
    prepare_inputs(services, job_id)
    assert shown(services, job_id, 0) == shown(services, job_id, 1) == [b"grid 16:9 of one,two"]


def test_images_that_another_server_made_are_not_prepared(services, studio, job_after):
    job_id = job_after(Step.FETCH_JOB, 2, generated_attach_ids=[71])
    assert prepare_inputs(services, job_id) == to_generate(job_id, 1)
    assert studio.states(job_id) == ["stored", "ready"]


@pytest.mark.parametrize("missing", ["no row", "no path", "no object", "no picture", "no id"])
def test_a_reference_that_cannot_be_had_is_left_out_with_a_warning(services, studio, batch, missing):
    model = studio.attach(b"model", "model")
    attach_id = {
        "no row": lambda: 999,
        "no path": lambda: studio.attachment_row("  "),
        "no object": lambda: studio.attachment_row("gone.png"),
        "no picture": lambda: studio.attach(NO_PICTURE, "text.png"),
        "no id": lambda: "top.png",
    }[missing]()
    job_id = batch((model, "model"), (attach_id, "top"))
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert shown(services, job_id) == [b"model"]
    assert "left out" in warnings(services, job_id) or "missing" in warnings(services, job_id)


@pytest.mark.parametrize("attach_id", [999, "top.png"])
def test_a_missing_reference_fails_the_job_where_the_settings_say_so(services, studio, batch, attach_id):
    strict(services)
    job_id = batch((studio.attach(b"model", "model"), "model"), (attach_id, "top"), images=2)
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert studio.states(job_id) == ["failed", "failed"]
    assert reason(services, job_id)
    assert studio.job_row(job_id).failed_images == 2


def test_a_stage_without_any_usable_reference_fails_and_the_others_are_made(services, studio, two_stages):
    job_id = two_stages((999, "top"), (studio.attach(b"model", "model"), "model"))
    assert prepare_inputs(services, job_id) == to_generate(job_id, 1)
    assert studio.states(job_id) == ["failed", "ready"]
    assert "None of the given references can be used." in reason(services, job_id)
    assert studio.job_row(job_id).failed_images == 1


def test_one_stage_that_misses_a_reference_fails_all_where_the_settings_say_so(services, studio, two_stages):
    strict(services)
    job_id = two_stages((999, "top"), (studio.attach(b"model", "model"), "model"))
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert studio.states(job_id) == ["failed", "failed"]
    assert reason(services, job_id, 0) == reason(services, job_id, 1)


def test_a_close_up_of_trousers_without_a_model_is_made(services, studio, batch):
    job_id = batch((studio.attach(b"pants", "pants"), "pants"), shot="tight")
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert shown(services, job_id) == [b"pants"]


def test_more_different_references_than_a_job_may_show_are_left_out_by_name(services, studio, batch):
    services.rules = replace(services.rules, max_references=2)
    ids = [studio.attach(f"shoe {no}".encode(), f"shoe-{no}.png") for no in range(4)]
    job_id = batch(*[(id, "shoes") for id in ids])
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert shown(services, job_id) == [b"shoe 0", b"shoe 1"]
    for left_out in ids[2:]:
        assert f"Reference {left_out} " in warnings(services, job_id)
    assert "at most 2 different" in warnings(services, job_id)


def test_what_is_over_the_limit_of_references_is_no_missing_one(services, studio, batch):
    strict(services)
    services.rules = replace(services.rules, max_references=1)
    job_id = batch(*[(studio.attach(name.encode(), name), "shoes") for name in ("one", "two")])
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)


def test_every_reference_is_fetched_within_the_budget_of_bytes(services, studio, batch):
    job_id = batch(*[(studio.attach(name.encode(), name), "shoes") for name in ("one", "two")])
    held = []
    for _ in range(2):
        services.storage.trouble.plan(
            "read_reference", lambda: held.append(services.download_budget.held_bytes)
        )
    prepare_inputs(services, job_id)
    assert min(held) >= services.rules.max_reference_bytes
    assert services.download_budget.held_bytes == 0


def test_storage_that_is_down_is_waited_for(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"), (studio.attach(b"model", "model"), "model"))
    services.storage.trouble.plan("read_reference", DOWN)
    [again] = prepare_inputs(services, job_id)
    assert again == StepMessage(Step.PREPARE_INPUTS, job_id, delay_s=pause_s(0))
    assert studio.states(job_id) == ["planned"]
    assert prepare_inputs(services, job_id) == ()
    services.clock.advance(again.delay_s)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)


def put_off(services, job_id):
    """A job that was put off as often in a row as it may be, and is due again."""
    services.prepare_inputs.postpone(job_id, pause_s=0.0, postponed=MOST_TRIES)


def test_what_storage_does_not_hand_out_on_the_last_try_is_left_out(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"), (studio.attach(b"model", "model"), "model"))
    services.storage.trouble.plan("read_reference", DOWN)
    put_off(services, job_id)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert len(shown(services, job_id)) == 1
    assert "does not answer" in warnings(services, job_id)
    assert services.tables.pipeline_jobs[job_id].postponed == 0


@pytest.mark.parametrize("error", [DOWN, Misconfigured("Storage refuses the service key.")])
def test_storage_that_hands_out_nothing_is_down_also_on_the_last_try(services, studio, batch, error):
    job_id = batch((studio.attach(b"top", "top"), "top"))
    services.storage.trouble.plan("read_reference", error)
    put_off(services, job_id)
    [again] = prepare_inputs(services, job_id)
    assert (again.step, again.delay_s) == (Step.PREPARE_INPUTS, 60.0)
    assert studio.states(job_id) == ["planned"]


def test_a_key_that_storage_refuses_makes_no_reference_a_missing_one(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"), (studio.attach(b"model", "model"), "model"))
    services.storage.trouble.plan("read_reference", Misconfigured("Storage refuses the service key."))
    put_off(services, job_id)
    [again] = prepare_inputs(services, job_id)
    assert again.step is Step.PREPARE_INPUTS
    assert studio.states(job_id) == ["planned"]


def test_pauses_grow_to_a_minute():
    pauses = [pause_s(postponed) for postponed in range(MOST_TRIES + 2)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 60, 60]


def test_a_cache_without_room_takes_no_half_of_a_job(services, studio, batch):
    references = [(studio.attach(name.encode(), name), name) for name in ("model", "top")]
    job_id = batch(*references)
    services.blobs.trouble.plan("put_input", lambda: None, NoRoom("Redis has no room for a picture."))
    [again] = prepare_inputs(services, job_id)
    assert (again.step, again.delay_s) == (Step.PREPARE_INPUTS, 5.0)
    assert not services.blobs.inputs
    assert services.tables.pipeline_jobs[job_id].postponed == 0
    services.clock.advance(5.0)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)


def test_a_job_that_ends_every_process_fails_with_a_reason(services, studio, batch):
    job_id = batch(images=2)
    for _ in range(MOST_STARTS):
        services.prepare_inputs.take(Lookahead(("fashion",)), "a message")
        services.clock.advance(LEASE_S)
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert studio.states(job_id) == ["failed", "failed"]
    assert "ended the process" in reason(services, job_id)


def test_many_messages_of_one_job_are_no_deaths(services, studio, batch):
    """As after a loss of the cache, where each image of a job asks for its pictures."""
    job_id = batch((studio.attach(b"top", "top"), "top"))

    def meanwhile():
        assert [prepare_inputs(services, job_id) for _ in range(2 * MOST_STARTS)] == [()] * 2 * MOST_STARTS

    services.storage.trouble.plan("read_reference", meanwhile)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0)
    assert studio.states(job_id) == ["ready"]


def test_an_image_put_back_during_the_preparation_of_others_is_prepared_after_them(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"), images=2)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 0, 1)
    first, second = services.tables.images_of(job_id)
    first.state = ImageState.PLANNED

    def meanwhile():
        second.state = ImageState.PLANNED
        assert prepare_inputs(services, job_id) == ()

    services.storage.trouble.plan("read_reference", meanwhile)
    *generated, again = prepare_inputs(services, job_id)
    assert (tuple(generated), again.step) == (to_generate(job_id, 0), Step.PREPARE_INPUTS)
    assert prepare_inputs(services, job_id) == to_generate(job_id, 1)


def test_pictures_of_a_job_that_ends_meanwhile_are_forgotten(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"))
    row = studio.job_row(job_id)
    services.storage.trouble.plan("read_reference", lambda: setattr(row, "job_status", JobStatus.CANCELLED))
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert not services.blobs.inputs


def test_pictures_of_a_job_set_back_meanwhile_stay_for_its_next_claim(services, studio, batch):
    job_id = batch((studio.attach(b"top", "top"), "top"))
    row = studio.job_row(job_id)
    services.storage.trouble.plan("read_reference", lambda: setattr(row, "job_status", JobStatus.PENDING))
    assert prepare_inputs(services, job_id) == finalize(job_id)
    assert len(services.blobs.inputs) == 1
