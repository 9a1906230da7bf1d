"""A preview of a job that is to be submitted, and of one that has a row: the same plan, and who can pay."""

from uuid import UUID

import pytest

from quel.core.errors import InvalidInput, NotFound
from quel.core.fetch_job import JobFacts
from quel.core.job import JobStatus
from quel.operations.preview import preview_job, preview_row
from tests.unit.operator_services import GivenServices

JOB, MEMBER = UUID(int=1), UUID(int=2)
DATA = {"prompt": "a coat"}
ROW = {"job_id": str(JOB), "job_type": "simple_general", "total_images": 2, "job_input_data": DATA}


class Facts:
    """The row of one job, whose member has so many credits."""

    def __init__(self, credits):
        self.credits = credits

    def load(self, job_id):
        if job_id != JOB:
            return None
        return JobFacts(
            job_id=JOB,
            status=JobStatus.PENDING,
            job_type="simple_general",
            total_images=2,
            input_data=DATA,
            production_id=None,
            member_id=MEMBER,
            job_path=None,
            production_path=None,
            organization=None,
            members={MEMBER: self.credits},
            stored_attach_ids=(),
        )


def test_a_row_as_json_and_a_stored_row_have_the_same_plan():
    services = GivenServices(fetch_job=Facts(100))
    assert preview_row(services, ROW) == preview_job(services, JOB)
    assert [image.image for image in preview_row(services, ROW).images] == [1, 2]


def test_a_payer_who_could_not_pay_now_is_a_problem():
    found = preview_job(GivenServices(fetch_job=Facts(9)), JOB)
    assert len(found.images) == 2
    assert [problem for problem in found.problems if "Not enough credits" in problem]


def test_no_neighbour_is_asked_for_a_row_as_json():
    assert preview_row(GivenServices(), ROW).problems == ()


def test_what_no_column_could_hold_and_what_is_not_there_is_told():
    with pytest.raises(InvalidInput, match="total_images must be a whole number"):
        preview_row(GivenServices(), ROW | {"total_images": "2"})
    with pytest.raises(NotFound, match="There is no job"):
        preview_job(GivenServices(fetch_job=Facts(1)), UUID(int=9))
