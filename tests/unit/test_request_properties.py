"""Whatever JSON stands in a row, parsing and planning end with a plan within all limits or with problems."""

import json
import uuid
from itertools import groupby

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quel.core.aspect import GRID_SIZES_PX
from quel.core.job import JobPlan, JobRequest, JobType, Problem
from quel.core.plan import LARGEST_SEED, make_plan
from quel.core.request import MAX_PROBLEMS, parse_request

MAX_IMAGES = 12  # small, so that the limit is met often

moderate = settings(max_examples=80)

any_text = st.text(st.characters(), max_size=12)  # every code point: NUL and lone surrogates too
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.integers()
    | st.sampled_from([10**30, -(10**30), 10**400, 2**63, 2**63 - 1])
    | st.floats()
    | any_text
    | st.sampled_from(
        ["3", " 2 ", "2.9", "-1", "1e999", "9" * 5000, "front", "full body", "true", "16:9", "4x3"]
    )
)
KEYS = [
    *("basePrompt", "prompt", "individualImageAttachIds", "uploadedAttachIds", "mergedImages", "stages"),
    *(
        "combinations",
        "angle",
        "cameraAngle",
        "shot",
        "shotType",
        "fx",
        "quantity",
        "aspect-ratio",
        "aspectRatio",
    ),
    *("isPreEdited", "userId", "stage_index", "negative_prompt", "mergedImageAttachId", "mergedAttachId"),
    *("wrappingPrompt", "photoIndex", "attachId", "type"),
]
any_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | any_text, inner, max_size=5)
    ),
    max_leaves=20,
)


def mutated(plausible):
    """Mostly what a front end would write, now and then anything at all."""
    return st.one_of(plausible, plausible, plausible, plausible, any_json)


def record(**plausible):
    """An object with any of these keys, each value mutated."""
    return st.fixed_dictionaries(
        {}, optional={key.replace("__", "-"): mutated(value) for key, value in plausible.items()}
    )


def one_or_many(entry):
    return st.lists(mutated(entry), max_size=3) | entry | st.none()


words = st.sampled_from(["soft light", " rain ", "", "비 오는 밤"]) | any_text
counts = st.sampled_from([0, 1, 2, 3, "1", 2.0, " 2 ", None])
ratios = st.sampled_from(["1:1", "16:9", "4x3", "1.85:1", "wide", None])
references = one_or_many(
    record(attachId=st.sampled_from([501, "502", 503.0]), type=st.sampled_from(["top", "Model", None]))
)
angles = {"cameraAngle": words, "shotType": words}
job_input = record(
    basePrompt=words,
    prompt=words,
    userId=words,
    quantity=counts,
    aspect__ratio=ratios,
    aspectRatio=ratios,
    isPreEdited=st.booleans(),
    individualImageAttachIds=references,
    uploadedAttachIds=references,
    mergedImageAttachId=st.sampled_from([9, "9", None]),
    mergedImages=one_or_many(
        record(mergedAttachId=st.integers(1, 9), wrappingPrompt=words, photoIndex=counts)
    ),
    combinations=one_or_many(record(angle=words, shot=words, quantity=counts, fx=words)),
    stages=one_or_many(
        record(
            stage_index=counts,
            prompt=words,
            quantity=counts,
            individualImageAttachIds=references,
            aspect__ratio=ratios,
        )
    ),
    **angles,
)
job_types = st.sampled_from(list(JobType))
totals = st.integers(-2, MAX_IMAGES + 1) | st.integers(-(2**31), 2**31 - 1)


def check_problems(problems):
    assert isinstance(problems, tuple)
    assert 1 <= len(problems) <= MAX_PROBLEMS
    for problem in problems:
        assert isinstance(problem, Problem)
        assert problem.message.endswith(".")
        assert problem.message.isprintable()
        assert len(problem.message) < 250


def check_request(request):
    assert isinstance(request, JobRequest)
    assert request.stages
    for stage in request.stages:
        assert stage.items
        assert stage.aspect_ratio in GRID_SIZES_PX
        texts = [stage.prompt, *(text for item in stage.items for text in (item.angle, item.shot))]
        assert stage.prompt
        assert all(text == text.strip() for text in texts)
        optional = [stage.negative_prompt, request.user_id, *(item.fx for item in stage.items)]
        types = [ask.type for ask in stage.references]
        for text in (*texts, *types, *(text for text in optional if text)):
            assert "\x00" not in (text or "")
            (text or "").encode("utf-8")
        ids = [(ask.attach_id, ask.type) for ask in stage.references if ask.attach_id is not None]
        assert len(ids) == len(set(ids))
        assert all(1 <= attach_id < 2**63 for attach_id, _ in ids)
        assert all(item.quantity is None or item.quantity >= 0 for item in stage.items)


def check_plan(plan, total_images, job_type):
    assert 1 <= len(plan.images) <= MAX_IMAGES
    assert [image.image_no for image in plan.images] == list(range(len(plan.images)))
    places = [(image.stage, image.item, image.number) for image in plan.images]
    assert places == sorted(places)
    for (stage, item), images in groupby(plan.images, key=lambda image: (image.stage, image.item)):
        numbers = [image.number for image in images]
        assert numbers == list(range(len(numbers)))
        assert plan.request.stages[stage].items[item].quantity != 0
    seeds = [image.seed for image in plan.images]
    assert len(set(seeds)) == len(seeds)
    assert all(1 <= seed <= LARGEST_SEED for seed in seeds)
    if total_images <= 0:
        assert plan.ordered == len(plan.images)
        return
    assert plan.ordered == total_images <= MAX_IMAGES
    assert len(plan.images) <= total_images
    if job_type is JobType.SINGLE_BATCH:
        assert len(plan.images) == total_images


def check_ending(job_type, data, total_images):
    request = parse_request(job_type, data, total_images=total_images)
    if not isinstance(request, JobRequest):
        check_problems(request)
        return
    check_request(request)
    assert isinstance(request, JobRequest)
    plan = make_plan(request, total_images=total_images, job_id=uuid.UUID(int=1), max_images=MAX_IMAGES)
    if isinstance(plan, JobPlan):
        check_plan(plan, total_images, request.job_type)
    else:
        check_problems(plan)


@moderate
@given(job_types | scalars, any_json, totals)
def test_any_json_ends_in_a_plan_or_in_problems(job_type, data, total_images):
    check_ending(job_type, data, total_images)


@moderate
@given(job_types, st.dictionaries(st.sampled_from(KEYS), any_json, min_size=1), totals)
def test_anything_under_known_keys_ends_in_a_plan_or_in_problems(job_type, data, total_images):
    check_ending(job_type, data, total_images)


@moderate
@given(job_types, job_input, totals)
def test_mutated_input_ends_in_a_plan_or_in_problems(job_type, data, total_images):
    check_ending(job_type, data, total_images)


@moderate
@given(job_types, job_input, totals)
def test_the_same_input_is_read_the_same_way_and_left_as_it_is(job_type, data, total_images):
    before = json.dumps(data)
    first = parse_request(job_type, data, total_images=total_images)
    assert parse_request(job_type, data, total_images=total_images) == first
    assert json.dumps(data) == before


spellings = st.sampled_from([int, float, str, lambda n: f" {n} ", lambda n: f"{n}.0", lambda n: n + 0.9])


@moderate
@given(st.lists(st.tuples(st.integers(0, 50), spellings), min_size=1, max_size=5), totals)
def test_every_spelling_of_a_quantity_is_the_same_number(asked, total_images):
    spelled = {"combinations": [{"quantity": spell(count)} for count, spell in asked]}
    plain = {"combinations": [{"quantity": count} for count, _ in asked]}
    assert parse_request("single_batch", spelled, total_images=total_images) == parse_request(
        "single_batch", plain, total_images=total_images
    )


@moderate
@given(st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=6), st.integers(1, MAX_IMAGES))
def test_shares_are_even_and_the_first_take_the_remainder(quantities, total_images):
    explicit = sum(count or 0 for count in quantities)
    assume(None in quantities and explicit < total_images)
    data = {"combinations": [{"quantity": count} for count in quantities]}
    request = parse_request("single_batch", data, total_images=total_images)
    assert isinstance(request, JobRequest)
    plan = make_plan(request, total_images=total_images, job_id=uuid.UUID(int=1), max_images=MAX_IMAGES)
    assert isinstance(plan, JobPlan)
    made = [sum(image.item == item for image in plan.images) for item in range(len(quantities))]
    shares = [count for count, asked in zip(made, quantities, strict=True) if asked is None]
    assert sum(shares) == total_images - explicit
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)
    assert [count for count, asked in zip(made, quantities, strict=True) if asked is not None] == [
        count for count in quantities if count is not None
    ]
