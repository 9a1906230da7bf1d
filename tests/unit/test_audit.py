"""Each pair of records that must agree: silent where they do, named where they do not."""

from dataclasses import replace
from uuid import UUID

import pytest

from quel.core.credits import PayerKind
from quel.core.job import JobStatus
from quel.core.operations.audit import (
    Attachment,
    AuditedImage,
    AuditedJob,
    AuditedProduction,
    Charge,
    check_images,
    check_job,
    check_objects,
    check_production,
    check_strays,
)
from quel.core.pipeline import ImageState

JOB, MEMBER, ORG, PRODUCTION = (UUID(int=n) for n in range(1, 5))


def image(number, state=ImageState.STORED, attach_id=None, *, adopted=False):
    return AuditedImage(number, state, attach_id, adopted)


COMPLETED = AuditedJob(
    job_id=JOB,
    status=JobStatus.COMPLETED,
    is_closed=True,
    total_images=3,
    completed=2,
    failed=1,
    attach_ids=[11, 13],
    production_id=PRODUCTION,
    price=5,
    payer_kind=PayerKind.ORGANIZATION,
    payer_id=ORG,
    ledger_member_id=MEMBER,
    result_owner="someone",
    images=(image(0, attach_id=11), image(1, ImageState.FAILED), image(2, attach_id=13)),
)
PATHS = {number: COMPLETED.path_of(image(number)) for number in range(3)}
ATTACHED = {
    PATHS[0]: [Attachment(11, PATHS[0], 900, JOB, 0)],
    PATHS[2]: [Attachment(13, PATHS[2], 800, JOB, 2)],
}
CHARGED = {id_: [Charge(id_, -5, 95, MEMBER, ORG, PRODUCTION)] for id_ in (11, 13)}
SIZES = {PATHS[0]: 900, PATHS[2]: 800}


def kinds(differences):
    return [difference.kind for difference in differences]


def test_a_job_whose_records_agree_is_passed_over_in_silence():
    assert kinds(check_job(COMPLETED)) == []
    assert kinds(check_images(COMPLETED, ATTACHED, CHARGED)) == []
    assert kinds(check_strays(COMPLETED, [one for group in ATTACHED.values() for one in group])) == []
    assert kinds(check_objects(COMPLETED, ATTACHED, SIZES)) == []


def test_a_delivered_image_without_the_cost_of_its_calls_is_named():
    images = (replace(COMPLETED.images[0], has_cost=False), *COMPLETED.images[1:])
    assert kinds(check_images(replace(COMPLETED, images=images), ATTACHED, CHARGED)) == ["cost"]
    never_made = (COMPLETED.images[0], replace(COMPLETED.images[1], has_cost=False), COMPLETED.images[2])
    assert kinds(check_images(replace(COMPLETED, images=never_made), ATTACHED, CHARGED)) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"completed": 3}, "completed_images"),
        ({"failed": 0}, "failed_images"),
        ({"attach_ids": [13, 11]}, "generated_attach_ids"),
        ({"attach_ids": [11, 11, 13]}, "generated_attach_ids"),
        ({"attach_ids": None}, "generated_attach_ids"),
        ({"status": JobStatus.FAILED}, "job_status"),
        ({"total_images": 2}, "total_images"),
    ],
)
def test_a_column_that_its_images_contradict_is_named(change, kind):
    assert kinds(check_job(replace(COMPLETED, **change))) == [kind]


def test_an_ended_job_with_an_image_on_its_way_is_named():
    images = (*COMPLETED.images[:2], image(2, ImageState.MADE))
    assert kinds(check_job(replace(COMPLETED, images=images))) == ["open_images"]


def test_an_open_job_is_compared_with_what_it_has_so_far():
    images = (image(0, attach_id=11), image(1, ImageState.FAILED), image(2, ImageState.GENERATING))
    job = replace(
        COMPLETED, status=JobStatus.PROCESSING, is_closed=False, images=images, completed=1, attach_ids=[11]
    )
    assert kinds(check_job(job)) == []
    assert kinds(check_job(replace(job, completed=2))) == ["completed_images"]


def test_a_job_that_failed_whole_counts_what_was_ordered():
    images = (image(0, ImageState.FAILED), image(1, ImageState.FAILED))
    job = replace(
        COMPLETED,
        status=JobStatus.FAILED,
        images=images,
        completed=0,
        attach_ids=[],
        failed=3,
        total_images=3,
    )
    assert kinds(check_job(job)) == []


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.USER_CANCELLED])
def test_cancelled_images_count_as_neither(status):
    images = (image(0, attach_id=11), image(1, ImageState.CANCELLED), image(2, ImageState.CANCELLED))
    job = replace(COMPLETED, status=status, images=images, completed=1, failed=0, attach_ids=[11])
    assert kinds(check_job(job)) == []


@pytest.mark.parametrize(
    ("attached", "charged", "kind"),
    [
        ({PATHS[2]: ATTACHED[PATHS[2]]}, CHARGED, "attachment"),
        (
            ATTACHED | {PATHS[0]: [*ATTACHED[PATHS[0]], Attachment(12, PATHS[0], 900, JOB, 0)]},
            CHARGED,
            "attachment",
        ),
        (ATTACHED, {13: CHARGED[13]}, "ledger_rows"),
        (ATTACHED, CHARGED | {11: CHARGED[11] * 2}, "ledger_rows"),
        (ATTACHED, CHARGED | {11: [replace(CHARGED[11][0], amount=-10)]}, "ledger_amount"),
        (ATTACHED, CHARGED | {11: [replace(CHARGED[11][0], org_id=None)]}, "ledger_payer"),
        (ATTACHED, CHARGED | {11: [replace(CHARGED[11][0], member_id=ORG)]}, "ledger_payer"),
        (ATTACHED, CHARGED | {11: [replace(CHARGED[11][0], production_id=None)]}, "ledger_production"),
        (ATTACHED, CHARGED | {11: [replace(CHARGED[11][0], balance_after=-1)]}, "ledger_balance"),
    ],
)
def test_an_image_without_exactly_its_attachment_and_charge_is_named(attached, charged, kind):
    (difference,) = check_images(COMPLETED, attached, charged)
    assert (difference.kind, difference.job_id, difference.image) == (kind, JOB, 1)


def test_what_another_server_made_needs_no_charge_and_no_object_of_quels():
    images = (image(0, attach_id=11, adopted=True), *COMPLETED.images[1:])
    job = replace(COMPLETED, images=images)
    attached = {PATHS[2]: ATTACHED[PATHS[2]]}
    assert kinds(check_images(job, attached, {13: CHARGED[13]})) == []
    assert kinds(check_objects(job, attached, {PATHS[2]: 800})) == []


def test_an_attachment_of_an_image_that_was_not_delivered_as_it_is_named():
    of_the_failed = Attachment(12, PATHS[1], 700, JOB, 1)
    beyond_the_plan = Attachment(14, "x", 700, JOB, 9)
    found = [*check_strays(COMPLETED, [of_the_failed, beyond_the_plan])]
    assert [(one.kind, one.image) for one in found] == [("stray_attachment", 2), ("stray_attachment", 10)]


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        ({PATHS[2]: 800}, "object_missing"),
        (SIZES | {PATHS[0]: 901}, "object_size"),
        (SIZES | {PATHS[1]: 700}, "stray_object"),
    ],
)
def test_objects_are_there_for_delivered_images_and_no_others(sizes, kind):
    assert kinds(check_objects(COMPLETED, ATTACHED, sizes)) == [kind]


def test_the_object_of_an_image_on_its_way_is_about_to_be_delivered():
    images = (COMPLETED.images[0], image(1, ImageState.MADE), COMPLETED.images[2])
    assert kinds(check_objects(replace(COMPLETED, images=images), ATTACHED, SIZES | {PATHS[1]: 5})) == []


HELD = AuditedProduction(
    production_id=PRODUCTION,
    status=JobStatus.COMPLETED,
    attach_ids=[3, 11, "old", 13],
    image_count=2,
    job_statuses=(JobStatus.COMPLETED, JobStatus.FAILED),
    ended_ids=(11, 13),
)


def test_a_production_that_agrees_is_passed_over_in_silence():
    assert kinds(check_production(HELD)) == []
    assert kinds(check_production(replace(HELD, image_count=4))) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"attach_ids": [11, 3]}, "production_ids"),
        ({"attach_ids": [11, 13, 11]}, "production_ids"),
        ({"image_count": 1}, "production_count"),
        ({"image_count": 5}, "production_count"),
        ({"status": JobStatus.PROCESSING}, "production_status"),
        ({"job_statuses": (JobStatus.FAILED,)}, "production_status"),
    ],
)
def test_a_production_that_its_jobs_contradict_is_named(change, kind):
    assert kinds(check_production(replace(HELD, **change))) == [kind]


def test_a_production_with_an_open_job_is_left_in_peace():
    statuses = (JobStatus.COMPLETED, JobStatus.PENDING)
    assert kinds(check_production(replace(HELD, job_statuses=statuses))) == []
