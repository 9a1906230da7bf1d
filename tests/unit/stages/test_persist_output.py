"""persist_output: a made image is stored, charged and counted, once."""

from uuid import uuid4

import pytest

from quel.core.errors import Misconfigured, RowLocked, ServiceUnavailable, StorageRefused
from quel.core.job import JobStatus
from quel.core.outcome import PictureBytes
from quel.core.persist_output import ENCODED, KEEP_TOO_LARGE_S
from quel.core.pipeline import MOST_STARTS, ImageState, Step, StepMessage
from quel.core.provenance import DigitalSourceType
from quel.sandbox.memory.persist_output import PersistOutputRows
from quel.sandbox.memory.pictures import NO_PICTURE, made
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output

DOWN = ServiceUnavailable("Storage does not answer.")
TOO_LARGE = Misconfigured("It is too large.", fault="storage_size")
WRONG_TYPE = Misconfigured("The bucket takes no image/webp.", fault="storage_type")


@pytest.fixture
def made_image(services, job_after):
    """A job whose first image is made; further ones wait for their turn."""

    def bring(images=1, answer=b"picture", **columns):
        services.engine.answer(made(answer))
        return job_after(Step.GENERATE_IMAGE, images, **columns)

    return bring


def image(services, job_id, image_no=0):
    return services.tables.images[job_id, image_no]


def finalize(job_id):
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def generate(job_id, image_no=0):
    return (StepMessage(Step.GENERATE_IMAGE, job_id, image_no),)


def balance(services, studio, job_id):
    return services.tables.members[studio.job_row(job_id).quel_member_id].quel_member_credit


@pytest.mark.parametrize(
    ("references", "says"),
    [(0, DigitalSourceType.GENERATED), (2, DigitalSourceType.GENERATED_WITH_REFERENCES)],
)
def test_the_picture_says_whether_the_engine_was_shown_references(
    services, studio, made_image, references, says
):
    names = [f"upload-{number}.png" for number in range(references)]
    uploads = [{"attachId": studio.attach(b"dress", name), "type": "model"} for name in names]
    job_id = made_image(data={"prompt": "a mast", "uploadedAttachIds": uploads})
    persist_output(services, job_id, 0)
    assert services.imaging.source_types == [says]


def test_an_image_that_quel_does_not_know_needs_nothing(services):
    assert persist_output(services, uuid4(), 0) == ()


def test_a_made_image_is_stored_booked_charged_and_counted(services, studio, made_image):
    job_id = made_image()
    assert persist_output(services, job_id, 0) == finalize(job_id)
    [(path, data)] = services.storage.objects.items()
    stored = image(services, job_id)
    attachment = services.tables.attachments[stored.attach_id]
    assert (stored.state, data) == (ImageState.STORED, b"webp of picture")
    assert (attachment.attach_file_path, attachment.attach_file_size) == (path, len(data))
    [line] = services.tables.ledger
    assert (line.amount, line.balance_after, line.attach_idx) == (-5, 995, stored.attach_id)
    assert balance(services, studio, job_id) == 995
    row = studio.job_row(job_id)
    assert (row.completed_images, row.generated_attach_ids) == (1, [stored.attach_id])
    assert not services.blobs.outputs


def test_an_organization_is_charged_with_the_member_who_used_it(services, studio, made_image):
    member = studio.member(credits=0)
    org = studio.organization(member, credits=5)
    persist_output(services, made_image(member=member, org=org), 0)
    [line] = services.tables.ledger
    assert (line.org_id, line.used_by_member_id, line.user_id) == (org, member, member)
    assert services.tables.organizations[org].org_credit == 0


def test_a_job_with_images_on_their_way_is_not_sent_to_be_closed(services, studio, made_image):
    job_id = made_image(2)
    assert persist_output(services, job_id, 0) == ()
    assert studio.states(job_id) == ["stored", "ready"]


def test_a_second_message_charges_nothing(services, studio, made_image):
    job_id = made_image()
    persist_output(services, job_id, 0)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert balance(services, studio, job_id) == 995


def test_an_image_that_waits_for_its_turn_needs_nothing(services, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    assert persist_output(services, job_id, 0) == ()


def test_a_job_set_back_to_pending_keeps_the_bytes_for_its_new_claim(services, studio, made_image):
    job_id = made_image()
    studio.job_row(job_id).job_status = JobStatus.PENDING
    assert persist_output(services, job_id, 0) == ()
    assert services.blobs.outputs


def test_an_image_of_a_cancelled_job_is_not_stored(services, studio, made_image):
    job_id = made_image()
    studio.cancel(job_id)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert not services.storage.objects


def test_an_image_of_a_job_that_somebody_ended_is_not_stored(services, studio, made_image):
    job_id = made_image()
    studio.job_row(job_id).job_status = JobStatus.FAILED
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert not services.storage.objects


def test_the_object_of_an_image_that_ended_unwanted_is_deleted(services, studio, made_image):
    job_id = made_image()
    path = services.persist_output.load(job_id, 0).result_path
    studio.cancel(job_id)
    finalize_job(services, job_id)
    services.storage.objects[path] = b"stored by a worker that died"
    assert persist_output(services, job_id, 0) == ()
    assert not services.storage.objects


# the bytes
def test_an_image_whose_bytes_are_lost_is_made_again(services, studio, made_image):
    job_id = made_image()
    services.blobs.lose_everything()
    assert persist_output(services, job_id, 0) == generate(job_id)
    assert (studio.states(job_id), image(services, job_id).broken_answers) == (["ready"], 0)


def test_an_image_that_was_stored_before_its_bytes_were_lost_is_delivered(services, studio, made_image):
    job_id = made_image()
    services.storage.objects[services.persist_output.load(job_id, 0).result_path] = b"as it was"
    services.blobs.lose_everything()
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert services.tables.attachments[image(services, job_id).attach_id].attach_file_size == 9


def test_an_answer_that_cannot_be_decoded_counts_as_no_picture(services, studio, made_image):
    job_id = made_image(answer=NO_PICTURE)
    assert persist_output(services, job_id, 0) == generate(job_id)
    assert (studio.states(job_id), image(services, job_id).broken_answers) == (["ready"], 1)
    assert not services.blobs.outputs


def test_the_third_answer_that_cannot_be_decoded_fails_the_image(services, studio, made_image):
    job_id = made_image(answer=NO_PICTURE)
    image(services, job_id).broken_answers = 2
    assert persist_output(services, job_id, 0) == finalize(job_id)
    failed = image(services, job_id)
    assert (failed.state, failed.reason_code) == (ImageState.FAILED, "unreadable_picture")
    assert studio.job_row(job_id).failed_images == 1
    assert balance(services, studio, job_id) == 1_000


# Storage
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


# one message at a time
def test_a_message_about_an_image_that_another_is_at_ends_at_once(services, made_image):
    job_id = made_image()
    nested = []
    during_upload(services, lambda: nested.append(persist_output(services, job_id, 0, owner="another")))
    assert persist_output(services, job_id, 0, owner="this") == finalize(job_id)
    assert nested == [()]


def test_a_message_may_begin_again_what_it_began(services, made_image):
    job_id = made_image()
    services.persist_output.begin(job_id, 0, "this")
    assert persist_output(services, job_id, 0, owner="another") == ()
    assert persist_output(services, job_id, 0, owner="this") == finalize(job_id)


def test_an_image_that_ends_every_process_fails_with_a_reason(services, studio, made_image):
    job_id = made_image()
    for _ in range(MOST_STARTS):
        services.persist_output.begin(job_id, 0, "one that dies")
        services.clock.advance(61)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert (studio.states(job_id), image(services, job_id).reason_code) == (["failed"], "ends_the_process")


def test_an_object_that_storage_refuses_fails_the_image(services, studio, made_image):
    job_id = made_image()
    services.storage.trouble.plan("write_result", StorageRefused("The bucket takes no WebP."))
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert image(services, job_id).reason == "The bucket takes no WebP."
    assert balance(services, studio, job_id) == 1_000


def test_a_refusal_for_a_job_that_ended_meanwhile_changes_nothing(services, studio, made_image):
    job_id = made_image()

    def ended_and_refused():
        studio.job_row(job_id).job_status = JobStatus.COMPLETED
        raise StorageRefused("The bucket takes no WebP.")

    services.storage.trouble.plan("write_result", ended_and_refused)
    assert persist_output(services, job_id, 0) == ()
    assert studio.states(job_id) == ["made"]


# what happens during the upload
def during_upload(services, happens):
    services.storage.trouble.plan("write_result", happens)


def test_credits_that_are_gone_by_the_delivery_fail_all_that_is_open(services, studio, made_image):
    job_id = made_image(3)
    account = services.tables.members[studio.job_row(job_id).quel_member_id]
    during_upload(services, lambda: setattr(account, "quel_member_credit", 4))
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert studio.states(job_id) == ["failed"] * 3
    assert image(services, job_id).reason_code == "ran_dry"
    assert not services.storage.objects
    assert not services.tables.ledger
    assert account.quel_member_credit == 4


def test_an_image_that_another_message_delivered_is_charged_once(services, studio, made_image):
    job_id = made_image()

    def delivered():
        services.clock.advance(61)  # this one hangs, and its lease is over
        persist_output(services, job_id, 0)

    during_upload(services, delivered)
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert balance(services, studio, job_id) == 995
    assert len(services.storage.objects) == 1


def test_a_job_set_back_during_the_upload_is_delivered_after_its_new_claim(services, studio, made_image):
    job_id = made_image()
    row = studio.job_row(job_id)
    during_upload(services, lambda: setattr(row, "job_status", JobStatus.PENDING))
    [again] = persist_output(
        services, job_id, 0
    )  # its lease is let go of, and the new claim may be here by then
    assert (again.step, again.image_no) == (Step.PERSIST_OUTPUT, 0)
    assert (studio.states(job_id), balance(services, studio, job_id)) == (["made"], 1_000)
    assert services.blobs.outputs


def test_a_job_that_ended_during_the_upload_gets_no_object(services, studio, made_image):
    job_id = made_image()
    row = studio.job_row(job_id)
    during_upload(services, lambda: setattr(row, "job_status", JobStatus.FAILED))
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert not services.storage.objects
    assert balance(services, studio, job_id) == 1_000


def test_an_image_that_was_cancelled_during_the_upload_gets_no_object(services, studio, made_image):
    job_id = made_image()

    def cancelled():
        studio.cancel(job_id)
        finalize_job(services, job_id)

    during_upload(services, cancelled)
    persist_output(services, job_id, 0)
    assert studio.states(job_id) == ["cancelled"]
    assert not services.storage.objects


def test_an_image_whose_job_was_deleted_during_the_upload_gets_no_object(services, studio, made_image):
    job_id = made_image()
    during_upload(services, services.tables.images.clear)
    persist_output(services, job_id, 0)
    assert not services.storage.objects
