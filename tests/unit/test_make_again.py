"""One more of a delivered image: what is added to the plan, and why not."""

from dataclasses import replace

import pytest

from quel.core.aspect import AspectRatio
from quel.core.errors import InvalidInput
from quel.core.job import ItemRequest, JobPlan, JobRequest, JobStatus, JobType, StageRequest
from quel.core.operations.image_numbers import read_image_numbers
from quel.core.operations.make_again import MadeAgain, make_again
from quel.core.operations.retry_job import EndedJob, Objection
from quel.core.pipeline import ImageState
from quel.core.plan import make_plan
from tests.unit.ended_jobs import JOB as ID
from tests.unit.ended_jobs import ended

MOST = 100


def plan_of(*items: ItemRequest, series: int | None = None) -> JobPlan:
    stage = StageRequest("a coat", AspectRatio(1, 1), (), items, series=series)
    request = JobRequest(JobType.SINGLE_BATCH, (stage,), None)
    total = sum(item.quantity or 0 for item in items)
    made = make_plan(request, total_images=total, job_id=ID, max_images=MOST)
    assert isinstance(made, JobPlan)
    return made


PLAN = plan_of(ItemRequest("front", "full", 2), ItemRequest("side", "tight", 1))
JOB = ended(ImageState.STORED, ImageState.FAILED, ImageState.STORED)


def test_each_is_a_further_image_like_the_one_it_is_of_with_a_seed_of_its_own() -> None:
    made = make_again(JOB, PLAN, (3, 1), MOST)
    assert isinstance(made, MadeAgain)
    first, second = made.images
    assert (first.of, second.of) == (2, 0)
    assert first.image == replace(PLAN.images[2], image_no=3, seed=first.image.seed)
    assert second.image == replace(PLAN.images[0], image_no=4, seed=second.image.seed)
    assert made.plan.images == (*PLAN.images, first.image, second.image)
    assert made.plan.ordered == PLAN.ordered + 2
    assert len({image.seed for image in made.plan.images}) == 5


def test_one_more_of_one_more_has_another_seed_still() -> None:
    once = make_again(JOB, PLAN, (1,), MOST)
    assert isinstance(once, MadeAgain)
    twice = make_again(ended(*[ImageState.STORED] * 4), once.plan, (4,), MOST)
    assert isinstance(twice, MadeAgain)
    assert len({image.seed for image in twice.plan.images}) == 5


def test_of_a_series_it_follows_the_first_also_where_it_is_one_more_of_that() -> None:
    plan = plan_of(ItemRequest("front", "full", 2), series=0)
    made = make_again(ended(*[ImageState.STORED] * 2), plan, (1,), MOST)
    assert isinstance(made, MadeAgain)
    assert not plan.images[0].follows
    assert made.images[0].image.follows


def test_only_what_is_charged_must_be_paid_for() -> None:
    plan = plan_of(ItemRequest("", "", 1, is_free=True), ItemRequest("", "", 1))
    poor = replace(ended(ImageState.STORED, ImageState.STORED), balance=0)
    free = make_again(poor, plan, (1,), MOST)
    assert isinstance(free, MadeAgain)
    assert free.charged == 0
    assert isinstance(make_again(poor, plan, (2,), MOST), Objection)


@pytest.mark.parametrize(
    ("job", "numbers", "most", "says"),
    [
        (JOB, (2,), MOST, "Image 2 was not delivered"),
        (JOB, (4,), MOST, "has no image 4: its plan has 3"),
        (JOB, (1,), 3, "has 3 images already, and no job may have more than 3"),
        (replace(JOB, status=JobStatus.PROCESSING), (1,), MOST, "still processing"),
        (replace(JOB, is_closed=False), (1,), MOST, "being cancelled"),
        (replace(JOB, balance=4), (1,), MOST, "the member's balance is 4"),
    ],
)
def test_what_stands_against_it_is_said(
    job: EndedJob, numbers: tuple[int, ...], most: int, says: str
) -> None:
    answer = make_again(job, PLAN, numbers, most)
    assert isinstance(answer, Objection)
    assert says in answer.reason
    assert not answer.is_well


def test_a_picture_that_was_given_is_not_made() -> None:
    plan = plan_of(ItemRequest("0°", "", 1, is_free=True, as_given=True))
    answer = make_again(ended(ImageState.STORED), plan, (1,), MOST)
    assert isinstance(answer, Objection)
    assert "is the picture that was given" in answer.reason


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", (3,)), (" 1, 3-5 ,4", (1, 3, 4, 5)), ("10000", (10_000,)), ("2-2", (2,))],
)
def test_numbers_are_read_as_people_write_them(text: str, numbers: tuple[int, ...]) -> None:
    assert read_image_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "3,", "5-3", "-1", "a", "1-99999", "1;2", "٣", "1e3"])
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="Images are named by number, like 3 or 1,3-5"):
        read_image_numbers(text)
