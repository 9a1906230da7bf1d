"""persist_output: a made image is stored, charged and counted, once."""

from uuid import uuid4

import pytest

from quel.core.errors import StorageRefused
from quel.core.job import JobStatus
from quel.core.pipeline import MOST_STARTS, ImageState, Step
from quel.core.provenance import DigitalSourceType
from quel.sandbox.memory.pictures import NO_PICTURE
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import balance, finalize, image, to_generate


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
    assert persist_output(services, job_id, 0) == to_generate(job_id, 0)
    assert (studio.states(job_id), image(services, job_id).broken_answers) == (["ready"], 0)


def test_an_image_that_was_stored_before_its_bytes_were_lost_is_delivered(services, studio, made_image):
    job_id = made_image()
    services.storage.objects[services.persist_output.load(job_id, 0).result_path] = b"as it was"
    services.blobs.lose_everything()
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert services.tables.attachments[image(services, job_id).attach_id].attach_file_size == 9


def test_an_answer_that_cannot_be_decoded_counts_as_no_picture(services, studio, made_image):
    job_id = made_image(answer=NO_PICTURE)
    assert persist_output(services, job_id, 0) == to_generate(job_id, 0)
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
