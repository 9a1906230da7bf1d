"""Images ordered as one series: how, which of them waits for which, and what the others are told."""

from itertools import product
from uuid import UUID

import pytest

from quel.core.engines import Capability
from quel.core.job import JobPlan, JobRequest
from quel.core.pipeline import ImageState
from quel.core.plan import make_plan
from quel.core.request import parse_request
from quel.core.series import WORDS, beside_the_lead, may_begin

READY, STORED, FAILED = ImageState.READY, ImageState.STORED, ImageState.FAILED
UNDER_WAY = (ImageState.GENERATING, ImageState.MADE)
STAGES = [{"prompt": "a mast", "quantity": 2}, {"prompt": "a sail", "quantity": 2}]


def series_of(data, job_type="simple_general", images=3):
    request = parse_request(job_type, data, total_images=images)
    assert isinstance(request, JobRequest), request
    plan = make_plan(request, total_images=images, job_id=UUID(int=1), max_images=100)
    assert isinstance(plan, JobPlan)
    return [image.series for image in plan.images]


@pytest.mark.parametrize("said", [True, "true", 1, "True"])
def test_a_job_is_one_series_where_it_says_so(said):
    assert series_of({"prompt": "a mast", "consistent": said}) == [0, 0, 0]


@pytest.mark.parametrize("said", [False, None, "false", 0, ""])
def test_without_a_word_every_image_stands_alone(said):
    assert series_of({"prompt": "a mast", "consistent": said}) == [None] * 3


def test_what_is_neither_true_nor_false_is_named():
    refused = parse_request("simple_general", {"prompt": "a mast", "consistent": "maybe"}, total_images=1)
    assert isinstance(refused, tuple)
    assert [problem.key for problem in refused] == ["consistent"]


def test_combinations_of_a_batch_are_one_series():
    combinations = [{"angle": "front", "quantity": 1}, {"angle": "back", "quantity": 2}]
    data = {"basePrompt": "a mast", "consistent": True, "combinations": combinations}
    assert series_of(data, "single_batch") == [0, 0, 0]


@pytest.mark.parametrize(
    ("job", "stages", "series"),
    [
        ({}, ({"consistent": True}, {"consistent": True}), [0, 0, 2, 2]),
        ({}, ({}, {"consistent": True}), [None, None, 2, 2]),
        ({"consistent": True}, ({}, {}), [0, 0, 0, 0]),
        ({"consistent": True}, ({"consistent": False}, {}), [None, None, 2, 2]),
        ({}, ({"consistent": True, "quantity": 1}, {}), [None, None, None]),
    ],
)
def test_a_stage_is_a_series_of_its_own_or_of_the_jobs_or_leaves_it(job, stages, series):
    told = [stage | more for stage, more in zip(STAGES, stages, strict=True)]
    assert series_of(job | {"stages": told}, "pipeline_stage", images=len(series)) == series


def test_the_first_goes_alone_and_all_others_after_it_is_stored():
    assert [may_begin(no, enumerate([READY] * 3)) for no in range(3)] == [True, False, False]
    for state in UNDER_WAY:
        assert not any(may_begin(no, enumerate([state, READY, READY])) for no in (1, 2))
    assert all(may_begin(no, enumerate([STORED, READY, READY])) for no in (1, 2))


def test_where_the_first_fails_the_next_leads():
    assert [may_begin(no, enumerate([FAILED, READY, READY])) for no in (1, 2)] == [True, False]


def test_one_that_is_taken_up_again_waits_for_whoever_leads_by_then():
    assert not may_begin(0, enumerate([READY, ImageState.GENERATING]))
    assert may_begin(0, enumerate([READY, STORED]))


def test_whatever_became_of_its_images_a_series_never_stands_still_and_never_has_two_leaders():
    """In every state that three images can be in, somebody goes or is under way, or all have ended."""
    for states in product(ImageState, repeat=3):
        waiting = [no for no, state in enumerate(states) if state in (READY, ImageState.PLANNED)]
        going = [no for no in waiting if may_begin(no, enumerate(states))]
        under_way = [state for state in states if state in UNDER_WAY]
        if waiting:
            assert going or under_way, states
        if STORED not in states:
            assert len(going) <= 1, states
            assert not (going and under_way), states


def test_the_leaders_picture_is_numbered_after_the_others_and_the_closing_stays_last():
    told = beside_the_lead(
        "A photograph.\n\nMore.\n\nOne continuous photograph.", ("Image 1: the model.",), shown=1
    )
    assert told.labels[-1].startswith("Image 2: ")
    assert "as in image 2" in told.prompt
    assert told.prompt.endswith("\n\nOne continuous photograph.")


def test_what_is_said_of_it_fits_the_words_that_are_left_for_it():
    told = beside_the_lead("", (), shown=13)
    assert len(f"{told.prompt} {told.labels[-1]}".split()) <= WORDS


def test_where_words_run_short_the_label_says_it_alone_and_a_page_of_wishes_is_no_reason_to():
    for said, is_said in ((148, True), (160, False), (175, False), (400, True)):
        told = beside_the_lead("word " * said, (), shown=1)
        assert ("as in image 2" in told.prompt, "light and grade" in told.labels[0]) == (is_said, True)


def test_a_maker_leaves_room_for_the_leader_where_it_can():
    assert Capability("a model", 3).pictures_for(in_series=True) == 2
    assert Capability("a model", 3).pictures_for(in_series=False) == 3
    assert Capability("a model", 1).pictures_for(in_series=True) == 1
    by_role = Capability("a workflow", 3, open_places=0)
    assert (by_role.pictures_for(in_series=True), by_role.beside_another) == (3, -1)
