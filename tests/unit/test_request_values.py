"""Numbers, words, ratios and flags are read in any spelling, or refused with their key."""

import pytest

from quel.core.aspect import AspectRatio
from quel.core.request import MAX_PROBLEMS
from tests.unit.read_request import attach_ids, only_stage, quantities, read, refused


# Numbers
@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        *[
            (3, 3),
            (3.0, 3),
            ("3", 3),
            (" 3 ", 3),
            ("3.0", 3),
            (2.9, 2),
            ("2.9", 2),
            (0, 0),
            ("0", 0),
            (-0.0, 0),
        ],
        *[
            ("+4", 4),
            ("１２", 12),
            ("1e1", 10),
            (".9", 0),
            (None, None),
            ("", None),
            (" ", None),
            (10**400, 10**20),
            (1e300, 10**20),
        ],
    ],
)
def test_a_quantity_has_one_reading(given, read_as):
    assert quantities(read("single_batch", {"combinations": [{"quantity": given}]})) == [read_as]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("many", '"many"'),
        (-1, "-1"),
        ("-1", '"-1"'),
        (-0.5, "-0.5"),
        (True, "true"),
        ([2], "a list"),
        ({"n": 2}, "an object"),
        (float("nan"), "not a number"),
        (float("-inf"), "a number beyond all limits"),
        (-(10**400), "a number beyond all limits"),
        ("1_000", '"1_000"'),
        ("two\nlines\x00", '"two lines "'),
        ("x" * 500, '"' + "x" * 39 + '…"'),
    ],
)
def test_a_quantity_without_a_reading_is_refused_with_its_key(given, shown):
    (problem,) = refused("pipeline_stage", {"stages": [{}, {"quantity": given}]})
    assert problem.key == "stages[1].quantity"
    wanted = "stages[1].quantity must be a whole number of 0 or more, but it is"
    assert problem.message == f"{wanted} {shown}."


UNPRINTABLE = 10**5000  # Python refuses to print integers of more than 4300 digits


def test_an_integer_that_python_will_not_print_is_a_number_like_others():
    data = {
        "basePrompt": UNPRINTABLE,
        "combinations": [{"quantity": UNPRINTABLE}],
        "aspect-ratio": UNPRINTABLE,
    }
    request = read("single_batch", {**data, "mergedImageAttachId": UNPRINTABLE, "userId": UNPRINTABLE})
    assert (quantities(request), attach_ids(request.stages[0])) == ([10**20], [None])
    (problem,) = refused("single_batch", {"isPreEdited": UNPRINTABLE})
    assert problem.message == "isPreEdited must be true or false, but it is a number beyond all limits."


def test_every_unreadable_key_is_named_up_to_a_bound():
    stages = [{"quantity": "x"} for _ in range(1000)]
    assert len(refused("pipeline_stage", {"stages": stages})) == MAX_PROBLEMS
    keys = [problem.key for problem in refused("pipeline_stage", {"stages": stages[:3]})]
    assert keys == ["stages[0].quantity", "stages[1].quantity", "stages[2].quantity"]


# Words, ratios and flags
def test_words_are_kept_but_for_outer_blanks_and_what_cannot_be_stored():
    words = " \x00\ud83dTwo  words\n\ttab \u202eçŻ👩‍🍳 {0} %s \udc00\x00 "
    assert only_stage("single_batch", {"basePrompt": words}).prompt == "Two  words\n\ttab \u202eçŻ👩‍🍳 {0} %s"


@pytest.mark.parametrize("words", [["a"], {"text": "a"}, True, float("nan")])
def test_words_of_another_kind_are_refused(words):
    (problem,) = refused("single_batch", {"basePrompt": words})
    assert problem.message.startswith("basePrompt must be text, but it is ")


@pytest.mark.parametrize("words", ["", "  ", "\x00", None, [], {}, False])
def test_no_words_are_the_default_prompt(words):
    stages = [{"prompt": words}]
    stage = only_stage("pipeline_stage", {"stages": stages, "basePrompt": words})
    assert stage.prompt == "best quality, masterpiece"


@pytest.mark.parametrize(
    ("given", "read_as"),
    [("4:3", "4:3"), ("4x3", "4:3"), ("4X3", "4:3"), ("4/3", "4:3"), ("4×3", "4:3"), (" 16 : 9 ", "16:9")]
    + [
        ("1.85:1", "16:9"),
        ("2.39:1", "21:9"),
        ("1344x768", "16:9"),
        ("1:2", "9:16"),
        (1, "1:1"),
        (0.75, "3:4"),
    ]
    + [("16：9", "16:9"), ("1:99999999", "9:16"), ("1e300:1", "21:9")]
    + [(bad, "16:9") for bad in ("wide", "", "0:1", "1:0", "-9:-16", "9:16:1", ":", "nan:1", None, True)],
)
def test_an_aspect_ratio_is_the_nearest_supported_one(given, read_as):
    stage = only_stage("simple_general", {"prompt": "x", "aspect-ratio": given})
    assert str(stage.aspect_ratio) == read_as


def test_the_hyphenated_aspect_ratio_wins_where_it_can_be_read():
    both = {"aspect-ratio": "1:1", "aspectRatio": "9:16"}
    assert only_stage("single_batch", both).aspect_ratio == AspectRatio(1, 1)
    assert only_stage("single_batch", {**both, "aspect-ratio": "square"}).aspect_ratio == AspectRatio(9, 16)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        *[(True, True), (False, False), ("true", True), (" FALSE ", False), (1, True), (0.0, False)],
        *[("1", True), ("0", False), ("yes", True), (None, None), ("", None)],
    ],
)
def test_pre_edited_has_many_spellings(given, read_as):
    assert only_stage("single_batch", {"basePrompt": "x", "isPreEdited": given}).pre_edited is read_as


@pytest.mark.parametrize("given", ["perhaps", 2, -1, {"a": 1}, [True]])
def test_pre_edited_without_a_reading_is_refused(given):
    (problem,) = refused("single_batch", {"isPreEdited": given})
    assert problem.message.startswith("isPreEdited must be true or false, but it is ")
