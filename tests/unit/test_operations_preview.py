"""A preview of a job that is to be submitted, and of one that has a row: the same plan, and who can pay."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from quel.core.errors import Conflict, InvalidInput, NotFound
from quel.core.fetch_job import JobFacts
from quel.core.job import JobStatus
from quel.core.operations.submit_job import REFERENCE_KEYS, read_job, with_attachments
from quel.operations.preview import preview_job, preview_row
from quel.operations.submit_job import check_job
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


FIXTURES = sorted((Path(__file__).parents[1] / "rows" / "fixtures").glob("*.json"))


def with_names(value):
    """A fixture's input whose references name picture files, and its ids by those names."""
    names: dict[str, int] = {}

    def renamed(item):
        if isinstance(item, dict):
            return {
                key: name_of(held) if key in REFERENCE_KEYS and isinstance(held, int) else renamed(held)
                for key, held in item.items()
            }
        return [renamed(each) for each in item] if isinstance(item, list) else item

    def name_of(attach_id):
        name = f"picture-{attach_id}.png"
        names[name] = attach_id
        return name

    return renamed(value), names


def pictures(plan, names):
    return [
        [(p.category, [names.get(r.attach_id, r.attach_id) for r in p.references]) for p in image.pictures]
        for image in plan.images
    ]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda file: file.stem)
def test_a_file_that_names_pictures_has_the_plan_of_the_job_it_becomes(fixture):
    row = json.loads(fixture.read_text(encoding="utf-8"))
    data, names = with_names(row["job_input_data"])
    planned = preview_row(GivenServices(), row | {"job_input_data": data})
    sent = preview_row(GivenServices(), row | {"job_input_data": with_attachments(data, names.__getitem__)})
    assert [image.prompt for image in planned.images] == [image.prompt for image in sent.images]
    assert pictures(planned, planned.picture_files) == pictures(sent, {n: s for s, n in names.items()})
    assert (planned.credits, planned.problems) == (sent.credits, sent.problems)
    assert set(planned.picture_files.values()) == set(names)


def test_a_plan_that_has_problems_is_not_submitted():
    row = {"job_type": "single_batch", "total_images": 1}
    check_job(GivenServices(), read_job(row | {"job_input_data": {"basePrompt": "x"}}))
    many = {"basePrompt": "x", "combinations": [{"angle": "front", "shot": "full", "quantity": "many"}]}
    with pytest.raises(Conflict, match=r"nothing is written: .*quantity"):
        check_job(GivenServices(), read_job(row | {"job_input_data": many}))


def test_what_is_no_picture_file_is_a_problem_as_submit_says_it():
    row = ROW | {"job_input_data": DATA | {"uploadedAttachIds": [{"attachId": "abc", "type": "top"}]}}
    assert preview_row(GivenServices(), row).problems[0].startswith("abc is no picture file by its name")
