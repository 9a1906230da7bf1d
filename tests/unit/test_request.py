"""parse_request brings every job type and age to one shape."""

import pytest

from quel.core.aspect import AspectRatio
from quel.core.job import JobType, Problem
from tests.unit.read_request import attach_ids, only_stage, quantities, read, refused

PICKED = [{"attachId": 501, "type": "top"}]


# The input as a whole
@pytest.mark.parametrize("data", [None, [], [{}], "text", 3, 0.5, True, float("nan"), object()])
def test_an_input_that_is_no_object_is_refused(data):
    (problem,) = refused("single_batch", data)
    assert problem.key == "job_input_data"
    assert problem.message.startswith("job_input_data must be an object")


def test_an_empty_input_is_refused():
    (problem,) = refused("simple_general", {})
    assert problem == Problem(
        "job_input_data", "job_input_data is empty: it says nothing about what to make."
    )


@pytest.mark.parametrize("job_type", ["", "batch", None, 3, [], {}, "single_batch\n"])
def test_an_unknown_job_type_is_refused(job_type):
    (problem,) = refused(job_type, {"prompt": "words"})
    assert problem.key == "job_type"
    assert "\n" not in problem.message


def test_unknown_keys_say_nothing():
    known = {"basePrompt": "words", "individualImageAttachIds": PICKED}
    unknown = {"globalContext": {"quantity": -1}, "category": [None], "": {}, "totalImages": "x"}
    assert read("single_batch", known) == read("single_batch", {**unknown, **known})


def test_defaults_stand_in_for_everything():
    stage = only_stage("single_batch", {"category": "fashion"}, 3)
    assert (stage.prompt, stage.aspect_ratio) == ("best quality, masterpiece", AspectRatio(16, 9))
    assert (stage.references, stage.negative_prompt, stage.pre_edited) == ((), "", None)
    (item,) = stage.items
    assert (item.angle, item.shot, item.quantity, item.fx) == ("", "", 3, None)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("abc", "abc"),
        (" abc ", "abc"),
        (7, "7"),
        (7.0, "7"),
        (None, None),
        ("", None),
        ([], None),
        (True, None),
    ],
)
def test_a_user_id_is_text_or_a_number_or_nothing(given, read_as):
    assert read("single_batch", {"basePrompt": "x", "userId": given}).user_id == read_as


# single_batch
def test_combinations_become_items():
    data = {
        "basePrompt": "words",
        "combinations": [{"angle": "side", "shot": "tight", "quantity": 2, "fx": "aura"}, {"angle": " "}],
        "cameraAngle": "back",
        "shotType": "middle",
    }
    first, second = only_stage("single_batch", data).items
    assert (first.angle, first.shot, first.quantity, first.fx) == ("side", "tight", 2, "aura")
    assert (second.angle, second.shot, second.quantity, second.fx) == ("back", "middle", None, None)


def test_angle_comes_before_camera_angle():
    assert only_stage("single_batch", {"angle": "side", "cameraAngle": "back"}).items[0].angle == "side"


@pytest.mark.parametrize("combinations", [None, [], {}, "", False, [None], [[]]])
def test_without_combinations_one_item_makes_the_whole_order(combinations):
    assert quantities(read("single_batch", {"combinations": combinations, "basePrompt": "x"}, 4)) == [4]
    assert quantities(read("single_batch", {"combinations": combinations, "basePrompt": "x"}, 0)) == [None]


@pytest.mark.parametrize("entry", ["a secret prompt", 7, True])
def test_an_entry_that_is_no_object_is_refused_without_quoting_it(entry):
    (problem,) = refused("single_batch", {"combinations": [{}, entry]})
    assert problem.message.startswith("combinations[1] must be an object, but it is ")
    assert "secret" not in problem.message


def test_nested_and_single_combinations_are_a_list():
    assert quantities(read("single_batch", {"combinations": {"quantity": 2}})) == [2]
    assert quantities(read("single_batch", {"combinations": [[{"quantity": 1}], [[{"quantity": 2}]]]})) == [
        1,
        2,
    ]


@pytest.mark.parametrize("job_type", list(JobType))
def test_effect_and_negative_prompt_are_read_in_every_job_type(job_type):
    lists = {"combinations": [{}], "stages": [{}], "mergedImages": [{"mergedAttachId": 9}]}
    for own in ({}, lists):
        stage = only_stage(job_type, {"prompt": "x", "fx": "aura", "negative_prompt": "blur", **own})
        assert (stage.negative_prompt, stage.items[0].fx) == ("blur", "aura")


def test_a_stage_has_an_effect_of_its_own():
    stage = only_stage("pipeline_stage", {"fx": "aura", "stages": [{"prompt": "x", "fx": "impact"}]})
    assert stage.items[0].fx == "impact"


@pytest.mark.parametrize(
    ("given", "read_as"),
    [("2K", "2K"), (" 4k ", "4K"), (2048, "2K"), ("1024", "1K"), (None, None), ("", None)],
)
def test_the_size_is_read_in_every_spelling(given, read_as):
    assert read("single_batch", {"basePrompt": "x", "imageSize": given}).image_size == read_as


@pytest.mark.parametrize("size", ["8K", "large", 3, ["2K"]])
def test_a_size_that_no_model_has_is_refused_by_its_key(size):
    (problem,) = refused("simple_general", {"prompt": "x", "imageSize": size})
    assert problem.message.startswith("imageSize must be one of 1K, 2K, 4K, but it is ")


# pipeline_stage
def test_a_stage_reads_its_own_keys():
    data = {
        "stages": [
            {
                "prompt": " dish ",
                "quantity": "2",
                "individualImageAttachIds": PICKED,
                "aspect-ratio": "1:1",
                "cameraAngle": "top down",
                "shotType": "macro",
                "negative_prompt": "no hands",
                "isPreEdited": True,
            }
        ],
        "isPreEdited": False,
        "aspect-ratio": "9:16",
    }
    stage = only_stage("pipeline_stage", data)
    assert (stage.prompt, stage.negative_prompt, stage.pre_edited) == ("dish", "no hands", True)
    assert (stage.aspect_ratio, attach_ids(stage)) == (AspectRatio(1, 1), [501])
    (item,) = stage.items
    assert (item.angle, item.shot, item.quantity) == ("top down", "macro", 2)


def test_a_stage_takes_from_the_job_what_it_does_not_say():
    data = {
        "stages": [{"prompt": None, "aspect-ratio": "no ratio"}],
        "basePrompt": "words",
        "aspectRatio": "3:4",
        "isPreEdited": "true",
        "mergedImageAttachId": 9,
        "cameraAngle": "side",
    }
    stage = only_stage("pipeline_stage", data, 5)
    assert (stage.prompt, stage.aspect_ratio, stage.pre_edited) == ("words", AspectRatio(3, 4), True)
    assert (attach_ids(stage), stage.items[0].angle, stage.items[0].quantity) == ([9], "side", 1)


@pytest.mark.parametrize(
    ("indexes", "order"),
    [
        ([0, 1, 2], "abc"),
        ([2, 1, 0], "cba"),
        (["2", " 1 ", 3.0], "bac"),
        ([5, 5, 5], "abc"),
        ([1, 0, 1], "bac"),
        ([900, -3, 7], "bca"),
        ([None, None, None], "abc"),
        ([1, None, 3], "abc"),
        ([1.5, 1.2, 0.1], "cba"),
        ([10**400, 0, -(10**400)], "cba"),
    ],
)
def test_stages_are_ordered_by_index_then_position(indexes, order):
    stages = [{"prompt": name, "stage_index": index} for name, index in zip("abc", indexes, strict=True)]
    assert "".join(stage.prompt for stage in read("pipeline_stage", {"stages": stages}).stages) == order


def test_a_stage_index_without_a_reading_is_refused():
    (problem,) = refused("pipeline_stage", {"stages": [{"stage_index": "first"}]})
    assert problem.message == 'stages[0].stage_index must be a number, but it is "first".'


@pytest.mark.parametrize("stages", [None, [], {}, "", [None]])
def test_without_stages_one_stage_makes_the_whole_order(stages):
    data = {"stages": stages, "basePrompt": "words", "individualImageAttachIds": PICKED}
    stage = only_stage("pipeline_stage", data, 4)
    assert (stage.prompt, attach_ids(stage), stage.items[0].quantity) == ("words", [501], 4)


def test_a_stage_without_a_list_shows_its_merged_picture_without_a_type():
    (ask,) = only_stage("pipeline_stage", {"stages": [{"mergedImageAttachId": "88"}]}).references
    assert (ask.attach_id, ask.type, ask.where) == (88, None, "stages[0].mergedImageAttachId")


# simple_general and simple_portrait
def test_simple_general_makes_the_order_with_every_reference():
    data = {
        "prompt": "own",
        "basePrompt": "base",
        "uploadedAttachIds": [501, {"attachId": "502"}],
        "quantity": 9,
    }
    stage = only_stage("simple_general", data, 3)
    assert (stage.prompt, attach_ids(stage), stage.items[0].quantity) == ("own", [501, 502], 3)


def test_simple_portrait_makes_one_image_of_each_entry():
    data = {
        "mergedImages": [{"mergedAttachId": 601, "wrappingPrompt": "A"}, {"mergedAttachId": "602"}, 603],
        "basePrompt": "base",
        "aspect-ratio": "9:16",
    }
    request = read("simple_portrait", data, 9)
    assert [(stage.prompt, *attach_ids(stage)) for stage in request.stages] == [
        ("A", 601),
        ("base", 602),
        ("base", 603),
    ]
    assert quantities(request) == [1, 1, 1]
    assert {stage.aspect_ratio for stage in request.stages} == {AspectRatio(9, 16)}


# The oldest form
@pytest.mark.parametrize("job_type", JobType)
def test_the_oldest_form_is_read_in_any_job_type(job_type):
    data = {
        "mergedImageAttachId": 1501,
        "prompt": "old words",
        "quantity": "2",
        "cameraAngle": "side",
        "shotType": "tight",
        "userId": 5,
    }
    request = read(job_type, data, 7)
    (stage,) = request.stages
    (item,) = stage.items
    assert (stage.prompt, attach_ids(stage), request.user_id) == ("old words", [1501], "5")
    assert (item.angle, item.shot, item.quantity) == ("side", "tight", 2)


@pytest.mark.parametrize("job_type", JobType)
def test_the_oldest_form_without_a_quantity_makes_the_order(job_type):
    assert quantities(read(job_type, {"prompt": "old words"}, 4)) == [4]
    assert quantities(read(job_type, {"prompt": "old words"}, -4)) == [None]


def test_base_prompt_and_lists_come_before_the_oldest_keys():
    data = {
        "basePrompt": "new",
        "prompt": "old",
        "individualImageAttachIds": PICKED,
        "mergedImageAttachId": 9,
    }
    stage = only_stage("single_batch", data)
    assert (stage.prompt, attach_ids(stage)) == ("new", [501])


@pytest.mark.parametrize("merged", [None, "", " ", False])
def test_a_merged_picture_that_says_nothing_is_no_reference(merged):
    assert only_stage("single_batch", {"mergedImageAttachId": merged, "prompt": "x"}).references == ()


def test_a_merged_picture_that_cannot_be_read_is_a_missing_reference():
    assert attach_ids(only_stage("single_batch", {"mergedImageAttachId": "abc"})) == [None]
