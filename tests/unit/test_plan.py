"""make_plan makes exactly the images that quantities, total_images and the limit on a job allow."""

import uuid

import pytest

from quel.core.aspect import DEFAULT_ASPECT_RATIO
from quel.core.job import ItemRequest, JobPlan, JobRequest, JobType, StageRequest
from quel.core.plan import LARGEST_SEED, make_plan

JOB_ID = uuid.UUID("00000000-0000-4000-8000-000000000001")


def batch(*quantities, job_type=JobType.SINGLE_BATCH):
    """One stage with an item for each quantity."""
    items = tuple(ItemRequest("front", "full", quantity) for quantity in quantities)
    return JobRequest(job_type, (StageRequest("words", DEFAULT_ASPECT_RATIO, (), items),), None)


def pipeline(*quantities):
    """A stage with one item for each quantity."""
    items = (ItemRequest("front", "full", quantity) for quantity in quantities)
    stages = tuple(StageRequest("words", DEFAULT_ASPECT_RATIO, (), (item,)) for item in items)
    return JobRequest(JobType.PIPELINE_STAGE, stages, None)


def plan(request, total_images, max_images=100, job_id=JOB_ID):
    return make_plan(request, total_images=total_images, job_id=job_id, max_images=max_images)


def counts(made):
    """How many images each item of a plan got, in plan order."""
    assert isinstance(made, JobPlan), made
    places = [(image.stage, image.item) for image in made.images]
    asked = [(at, item) for at, stage in enumerate(made.request.stages) for item in range(len(stage.items))]
    return [places.count(place) for place in asked]


@pytest.mark.parametrize(
    ("quantities", "total_images", "made"),
    [
        ([1, 1], 2, [1, 1]),
        ([1, 1], 4, [1, 3]),
        ([2, 0], 5, [5, 0]),
        ([3, 3], 4, [3, 1]),
        ([3, 3], 2, [2, 0]),
        ([None], 3, [3]),
        ([None, None, None], 5, [2, 2, 1]),
        ([None, 2, None], 5, [2, 2, 1]),
        ([None, None], 1, [1, 0]),
        ([None, 4], 4, [0, 4]),
        ([None, 9], 4, [0, 4]),
        ([10**30, 1], 3, [3, 0]),
        ([2, None], 0, [2, 1]),
        ([2, 3], -7, [2, 3]),
    ],
)
def test_a_batch_shares_fills_up_and_cuts(quantities, total_images, made):
    assert counts(plan(batch(*quantities), total_images)) == made


@pytest.mark.parametrize(
    ("quantities", "total_images", "made"),
    [([2, 2], 4, [2, 2]), ([1, 1], 5, [1, 1]), ([3, 3], 4, [3, 1]), ([0, 2], 3, [0, 2]), ([2, 1], 0, [2, 1])],
)
def test_a_pipeline_makes_what_it_asks_for_up_to_the_order(quantities, total_images, made):
    assert counts(plan(pipeline(*quantities), total_images)) == made


def test_the_customer_sees_the_order_even_where_less_is_asked_for():
    assert plan(pipeline(1, 1), 5).ordered == 5


def test_without_an_order_the_customer_sees_what_is_made():
    assert plan(pipeline(1, 2), 0).ordered == 3


@pytest.mark.parametrize("request_", [batch(0), batch(0, 0), pipeline(0, 0)])
@pytest.mark.parametrize("total_images", [0, 3])
def test_a_plan_without_images_is_a_problem(request_, total_images):
    (problem,) = plan(request_, total_images)
    assert problem.key == "quantity"
    assert problem.message == "The job asks for no image: every quantity is 0."


def test_an_order_above_the_limit_is_refused_even_when_less_is_asked_for():
    (problem,) = plan(pipeline(1), 101)
    assert problem.key == "total_images"
    assert problem.message == "total_images is 101, but a job may hold at most 100 (QUEL_MAX_IMAGES_PER_JOB)."


def test_an_order_at_the_limit_is_made():
    assert len(plan(batch(None), 100).images) == 100


@pytest.mark.parametrize("quantities", [[101], [60, 41], [10**30], [10**30, None]])
def test_quantities_above_the_limit_are_refused_where_no_order_cuts_them(quantities):
    (problem,) = plan(pipeline(*quantities), 0)
    assert problem.key == "quantity"
    assert "at most 100 (QUEL_MAX_IMAGES_PER_JOB)" in problem.message


def test_images_are_numbered_by_stage_then_item_then_number():
    made = plan(pipeline(2, 1), 3).images
    places = [(image.image_no, image.stage, image.item, image.number) for image in made]
    assert places == [(0, 0, 0, 0), (1, 0, 0, 1), (2, 1, 0, 0)]


def test_the_same_job_gets_the_same_seeds_and_another_job_others():
    seeds = [image.seed for image in plan(batch(None), 20).images]
    again = [image.seed for image in plan(batch(None), 20).images]
    other = [image.seed for image in plan(batch(None), 20, job_id=uuid.UUID(int=7)).images]
    assert seeds == again
    assert not set(seeds) & set(other)


def test_an_image_keeps_its_seed_when_the_plan_grows():
    short, long = plan(batch(None), 5).images, plan(batch(None), 50).images
    assert [image.seed for image in short] == [image.seed for image in long[:5]]


def test_seeds_stay_distinct_when_hashes_collide(monkeypatch):
    monkeypatch.setattr("quel.core.plan.LARGEST_SEED", 40)
    seeds = [image.seed for image in plan(batch(None), 40).images]
    assert sorted(seeds) == list(range(1, 41))


def test_seeds_fit_a_positive_31_bit_integer():
    assert all(1 <= image.seed <= LARGEST_SEED for image in plan(batch(None), 100).images)
    assert LARGEST_SEED == 2**31 - 1


def test_what_an_item_says_of_price_and_view_is_frozen_in_each_of_its_images():
    items = (ItemRequest("0", "", 1, degrees=0, is_free=True), ItemRequest("45", "", 2, degrees=45))
    stage = StageRequest("x", DEFAULT_ASPECT_RATIO, (), items)
    made = plan(JobRequest(JobType.SIMPLE_GENERAL, (stage,), None), 3)
    assert [(image.degrees, image.is_free) for image in made.images] == [(0, True), (45, False), (45, False)]
