"""persist_output: what Storage refuses or cannot take now waits with its bytes, and is charged once."""

import pytest

from quel.core.errors import Misconfigured, RowLocked, ServiceUnavailable
from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED, KEEP_TOO_LARGE_S
from quel.core.pipeline import ImageState, Step
from quel.sandbox.memory.persist_output import PersistOutputRows
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import balance, finalize, image

DOWN = ServiceUnavailable("Storage does not answer.")
TOO_LARGE = Misconfigured("It is too large.", fault="storage_size")
WRONG_TYPE = Misconfigured("The bucket takes no image/webp.", fault="storage_type")


def test_an_upload_that_fails_is_tried_again_from_the_bytes_that_are_kept(services, studio, made_image):
    job_id = made_image()
    services.storage.trouble.plan("write_result", DOWN)
    [again] = persist_output(services, job_id, 0)
    assert (again.step, again.delay_s) == (Step.PERSIST_OUTPUT, 1.5)
    assert (studio.states(job_id), balance(services, studio, job_id)) == (["made"], 1_000)
    services.clock.advance(again.delay_s)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert len(services.engine.requests) == 1


def test_pauses_between_tries_double_up_to_a_minute(services, made_image):
    job_id = made_image()
    services.storage.trouble.plan("write_result", *[DOWN] * 9)
    pauses = []
    for _ in range(9):
        [again] = persist_output(services, job_id, 0)
        pauses.append(again.delay_s - 0.5)
        services.clock.advance(again.delay_s)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("refusal", [TOO_LARGE, WRONG_TYPE])
def test_what_an_operator_must_mend_is_told_at_each_try_and_the_picture_waits(
    services, studio, made_image, events, refusal
):
    job_id = made_image()
    services.storage.trouble.plan("write_result", *[refusal] * 9)
    for _ in range(9):
        [again] = persist_output(services, job_id, 0)
        services.clock.advance(again.delay_s)
    told = [entry for entry in events if entry["event"] == "storage.needs_operator"]
    assert [(entry["reason"], entry["said"]) for entry in told] == [(refusal.fault, str(refusal))] * 9
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert (studio.states(job_id), len(services.engine.requests)) == (["stored"], 1)


def test_a_picture_that_is_too_large_for_a_day_fails_uncharged_in_plain_words(services, studio, made_image):
    job_id = made_image()
    services.clock.advance(KEEP_TOO_LARGE_S + 1)  # set back by hand, say: it still gets its minutes
    services.storage.trouble.plan("write_result", *[TOO_LARGE] * 7)
    for _ in range(6):
        [again] = persist_output(services, job_id, 0)
        services.clock.advance(again.delay_s)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    failed = image(services, job_id)
    assert (failed.state, failed.reason_code) == (ImageState.FAILED, "storage_size")
    assert failed.reason == "The finished picture is larger than the storage takes, so it could not be kept."
    assert (studio.job_row(job_id).failed_images, balance(services, studio, job_id)) == (1, 1_000)
    assert not services.blobs.outputs


def test_another_refusal_waits_for_longer_than_a_day(services, studio, made_image):
    job_id = made_image()
    services.clock.advance(KEEP_TOO_LARGE_S + 1)
    services.storage.trouble.plan("write_result", *[WRONG_TYPE] * 9)
    for _ in range(9):
        [again] = persist_output(services, job_id, 0)
        services.clock.advance(again.delay_s)
    assert studio.states(job_id) == ["made"]


def test_a_message_that_comes_during_the_pause_changes_nothing(services, made_image):
    job_id = made_image()
    services.storage.trouble.plan("write_result", DOWN)
    persist_output(services, job_id, 0)
    assert persist_output(services, job_id, 0) == ()
    assert not services.storage.objects


def test_an_answer_that_cannot_be_kept_encoded_is_still_kept(services, made_image):
    job_id = made_image()
    services.storage.trouble.plan("write_result", DOWN)
    services.blobs.trouble.plan("keep_webp", ServiceUnavailable("Redis is away."))
    persist_output(services, job_id, 0)
    assert services.blobs.outputs[job_id, 0].data == b"picture"


def test_an_answer_that_is_kept_encoded_is_stored_as_it_is(services, made_image):
    job_id = made_image()
    services.blobs.outputs[job_id, 0] = PictureBytes(b"a webp", ENCODED)
    persist_output(services, job_id, 0)
    assert list(services.storage.objects.values()) == [b"a webp"]


def test_an_upload_of_an_encoded_answer_that_fails_keeps_it(services, made_image):
    job_id = made_image()
    services.blobs.outputs[job_id, 0] = PictureBytes(b"a webp", ENCODED)
    services.storage.trouble.plan("write_result", DOWN)
    [again] = persist_output(services, job_id, 0)
    assert again.step is Step.PERSIST_OUTPUT
    assert services.blobs.outputs[job_id, 0].mime_type == ENCODED


def test_storage_that_cannot_say_what_it_holds_is_asked_later(services, studio, made_image):
    job_id = made_image()
    services.blobs.lose_everything()
    services.storage.trouble.plan("stored_size_bytes", DOWN)
    [again] = persist_output(services, job_id, 0)
    assert (again.step, studio.states(job_id)) == (Step.PERSIST_OUTPUT, ["made"])


def test_an_image_that_ends_while_storage_fails_is_not_tried_again(services, studio, made_image):
    job_id = made_image()

    def ended_and_down():
        studio.cancel(job_id)
        finalize_job(services, job_id)
        raise DOWN

    services.storage.trouble.plan("write_result", ended_and_down)
    assert persist_output(services, job_id, 0) == ()


def test_a_payer_whose_row_is_held_is_charged_later_for_the_object_that_is_stored(
    services, studio, made_image
):
    job_id = made_image()

    class Held(PersistOutputRows):
        def deliver(self, delivery, size_bytes):
            raise RowLocked("Somebody holds the row.")

    free, services.persist_output = services.persist_output, Held(services.tables)
    [again] = persist_output(services, job_id, 0)
    services.persist_output = free
    assert image(services, job_id).object_bytes == len(b"webp of picture")
    services.blobs.lose_everything()
    services.clock.advance(again.delay_s)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert balance(services, studio, job_id) == 995
