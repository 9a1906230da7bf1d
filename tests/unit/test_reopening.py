"""Which images `quel retry` makes again, and why not."""

from dataclasses import replace

import pytest

from quel.core.credits import PayerKind
from quel.core.job import JobStatus
from quel.core.operations.retry_job import Missing, Objection, TheseImages, images_to_make
from quel.core.pipeline import ImageState
from tests.unit.ended_jobs import ended

JOB = ended(
    ImageState.STORED, ImageState.FAILED, ImageState.CANCELLED, status=JobStatus.USER_CANCELLED, balance=10
)


def test_failed_and_cancelled_images_are_missing():
    assert images_to_make(JOB, Missing()) == (1, 2)
    assert images_to_make(JOB, Missing(failed_only=True)) == (1,)
    assert images_to_make(JOB, TheseImages((3,))) == (2,)


@pytest.mark.parametrize(
    ("change", "which", "says"),
    [
        ({"status": JobStatus.PROCESSING, "is_closed": False}, Missing(), "still processing"),
        ({"status": JobStatus.PENDING, "is_closed": False}, Missing(), "still pending"),
        ({"is_closed": False}, Missing(), "being cancelled at this moment"),
        ({}, TheseImages((4,)), "has no image 4: its plan has 3"),
        ({"balance": 9}, Missing(), "cost 10 credits, but the member's balance is 9"),
        ({"balance": None}, Missing(), "The member that pays for this job has no account any more"),
        (
            {"balance": None, "payer_kind": PayerKind.ORGANIZATION},
            Missing(),
            "The organization that pays for this job is not active any more",
        ),
    ],
)
def test_what_stands_against_it_is_said(change, which, says):
    answer = images_to_make(replace(JOB, **change), which)
    assert isinstance(answer, Objection)
    assert says in answer.reason
    assert not answer.is_well


@pytest.mark.parametrize("which", [Missing(), Missing(failed_only=True), TheseImages((1,))])
def test_a_job_with_everything_is_well(which):
    answer = images_to_make(replace(JOB, images=((0, ImageState.STORED),), balance=0), which)
    assert isinstance(answer, Objection)
    assert answer.is_well
