"""An input means the same in every spelling; a default that stands for something unreadable is told."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quel.core.aspect import AspectRatio
from quel.core.job import JobRequest, JobType
from quel.core.kind import Kind, kind_of
from quel.core.request import MAX_REPLACED, parse_request, read_once_more, user_id_of
from tests.unit.test_request_properties import job_input, job_types, totals

few = settings(max_examples=60)

LISTS = ("individualImageAttachIds", "uploadedAttachIds", "mergedImages", "combinations", "stages")


def snake(key):
    return re.sub("([A-Z])", lambda found: "_" + found[1].lower(), key).replace("-", "_")


respelled = st.sampled_from([snake, str.upper, str.lower, str.swapcase, lambda key: snake(key).upper()])


def read(data, job_type="single_batch", total_images=1):
    request = parse_request(job_type, data, total_images=total_images)
    assert isinstance(request, JobRequest), request
    return request


def what_is_made(job_type, data, total_images):
    """What an input comes to, but for the names that its own keys have in messages."""
    request = parse_request(job_type, data, total_images=total_images)
    if not isinstance(request, JobRequest):
        return len(request)
    stages = [
        replace(stage, references=tuple(replace(ask, where="") for ask in stage.references))
        for stage in request.stages
    ]
    return stages, request.user_id, len(request.replaced)


def mapped(value, of_key, of_list=lambda key, value: value):
    if isinstance(value, dict):
        return {of_key(key): of_list(key, mapped(inner, of_key, of_list)) for key, inner in value.items()}
    return [mapped(inner, of_key, of_list) for inner in value] if isinstance(value, list) else value


@few
@given(job_types, job_input, totals, respelled)
def test_keys_mean_the_same_in_every_spelling(job_type, data, total_images, spell):
    data.pop("aspectRatio", None)  # the same key as aspect-ratio
    respelled_input = mapped(data, spell)
    if len(json.dumps(respelled_input)) < len(json.dumps(data)):
        return  # two keys became one
    assert what_is_made(job_type, respelled_input, total_images) == what_is_made(job_type, data, total_images)


@few
@given(job_types, job_input, totals)
def test_a_list_means_the_same_as_json_text(job_type, data, total_images):
    def as_text(key, value):
        return json.dumps(value) if key in LISTS and isinstance(value, dict | list) else value

    written = mapped(data, str, as_text)
    assert what_is_made(job_type, written, total_images) == what_is_made(job_type, data, total_images)


@few
@given(job_types, job_input, totals, st.sampled_from(["", " ", "\ufeff", "\n\t"]))
def test_an_input_means_the_same_as_json_text(job_type, data, total_images, blank):
    written = read_once_more(blank + json.dumps(data) + blank.strip("\ufeff"))
    assert parse_request(job_type, written, total_images=total_images) == parse_request(
        job_type, json.loads(json.dumps(data)), total_images=total_images
    )
    assert user_id_of(written) == user_id_of(data)


@pytest.mark.parametrize(
    "text", ["", "soup", "{", "[1", '"{}"', "3", "null", '{"a": 1} {', "[" * 10**6, "{'a': 1}"]
)
def test_text_that_holds_no_object_stays_text(text):
    assert read_once_more(text) == text


def test_an_input_is_read_once_more_and_not_twice():
    once = json.dumps({"prompt": "x"})
    assert isinstance(read_once_more(json.dumps(once)), str)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (Kind.IMAGES, {"base_prompt", "user_id"}),
        (Kind.IMAGES, {"image_base64", "individual_image_attach_ids"}),
        (Kind.VIDEO, {"image_base64", "prompt"}),
        (Kind.MODIFY, {"mask_data_url", "prompt"}),
        (Kind.UNKNOWN, {"voice_id", "aspect_ratio", "USERID"}),
    ],
)
def test_a_kind_is_told_by_keys_in_every_spelling(kind, keys):
    assert kind_of("simple_general", "fashion", keys) is kind


ONE_PICTURE = [
    {"attachId": 7}, {"attach_id": 7}, {"attachID": "7"}, {"id": 7}, {"ATTACHID": 7.0}, {"attach-id": 7},
    {"attachId": None, "id": 7}, {"id": "row-1", "attachId": 7}, {"attachId": "", "attach_id": 7},
]  # fmt: skip


@pytest.mark.parametrize("entry", ONE_PICTURE, ids=str)
@pytest.mark.parametrize("kind", ["model", " Model ", ["model"], ["MODEL"]], ids=str)
def test_a_picture_is_named_in_many_ways(entry, kind):
    [ask] = read({"individualImageAttachIds": [entry | {"type": kind}]}).stages[0].references
    assert (ask.attach_id, ask.type) == (7, "model")
    [merged] = read({"mergedImages": [entry]}, "simple_portrait").stages[0].references
    assert merged.attach_id == 7


@pytest.mark.parametrize("entry", [5, "5", [5], {"attachId": 5}, '{"attach_id": 5}', "[5]"], ids=str)
def test_the_merged_picture_is_named_in_many_ways(entry):
    [ask] = read({"mergedImageAttachId": entry}).stages[0].references
    assert (ask.attach_id, ask.type) == (5, None)


@pytest.mark.parametrize("several", [["model", "top"], [["model"]], {"is": "model"}], ids=str)
def test_a_type_that_is_none_or_several_is_refused_with_its_key(several):
    data = {"individualImageAttachIds": [{"attachId": 1, "type": several}]}
    problems = parse_request("single_batch", data, total_images=1)
    assert isinstance(problems, tuple)
    assert [problem.key for problem in problems] == ["individualImageAttachIds[0].type"]


def test_angle_shot_and_fx_may_stand_in_a_list_of_one():
    [item] = read({"combinations": [{"angle": ["side"], "shot": ["tight"], "fx": ["aura"]}]}).stages[0].items
    assert (item.angle, item.shot, item.fx) == ("side", "tight", "aura")


@pytest.mark.parametrize(
    "key", ["aspect-ratio", "aspectRatio", "aspect_ratio", "AspectRatio", "aspect ratio"]
)
@pytest.mark.parametrize(
    "ratio",
    [
        "9:16", "9:16 (vertical)", "Portrait 9:16", "(9:16)", "ratio=9:16", "9:16, 1K", "1080x1920px",
        "９：１６", "9∶16", "9:16.", "9:16 (1080x1920)", "1080 × 1920",
        {"width": 9, "height": 16}, {"w": "9", "h": "16"},
        {"Width": 1080, "HEIGHT": 1920.0}, [9, 16], ["9", "16"], ["9:16"], 0.5625,
        [{"width": 9, "height": 16}],
    ],
    ids=str,
)  # fmt: skip
def test_a_ratio_is_read_in_many_forms(key, ratio):
    request = read({"basePrompt": "x", key: ratio})
    assert (request.stages[0].aspect_ratio, request.replaced) == (AspectRatio(9, 16), ())


UNREADABLE = [
    "wide", "9:16:1", "16:9 or 9:16", "-9:16", "v9:16", "2024:01:05", "0:16", ":", True, {"width": 9},
    {"width": 9, "height": "tall"}, [9, 16, 1], [[9], [16]], "x" * 10_000, "9:" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("ratio", UNREADABLE, ids=lambda ratio: str(ratio)[:20])
@pytest.mark.parametrize("key", ["aspect-ratio", "aspect_ratio"])
def test_a_ratio_that_is_replaced_is_named(key, ratio):
    request = read({"basePrompt": "x", key: ratio})
    assert request.stages[0].aspect_ratio == AspectRatio(16, 9)
    [replaced] = request.replaced
    assert replaced.key == key
    assert replaced.message.startswith(f"{key} cannot be read as an aspect ratio (it is ")
    assert replaced.message.endswith("): 16:9 was used.")
    assert len(replaced.message) < 150


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, False])
def test_what_says_nothing_is_not_replaced(nothing):
    data = {"basePrompt": "x", "aspect-ratio": nothing, "userId": nothing, "quantity": nothing or None}
    assert read(data).replaced == ()


def test_a_stage_and_the_user_are_named_by_their_full_keys():
    data = {"stages": [{}, {"aspect_ratio": "tall"}], "aspect-ratio": "1:1", "userId": {"id": 5}}
    request = read(data, "pipeline_stage")
    assert [stage.aspect_ratio for stage in request.stages] == [AspectRatio(1, 1)] * 2
    assert {replaced.key for replaced in request.replaced} == {"stages[1].aspect_ratio", "userId"}
    assert all("1:1" in r.message for r in request.replaced if r.key != "userId")


def test_what_is_replaced_is_told_up_to_a_bound():
    data = {"stages": [{"aspect-ratio": "wide"}] * 1000}
    *told, rest = read(data, "pipeline_stage").replaced
    assert len(told) == MAX_REPLACED
    assert rest.message == "stages[10].aspect-ratio and 989 further keys cannot be read: defaults were used."


@pytest.mark.parametrize("job_type", JobType)
@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_quantity_is_a_missing_one(job_type, blank):
    blanks = {"quantity": blank, "stages": [{"quantity": blank}], "combinations": [{"quantity": blank}]}
    assert what_is_made(job_type, blanks, 3) == what_is_made(
        job_type, {"stages": [{}], "combinations": [{}]}, 3
    )
