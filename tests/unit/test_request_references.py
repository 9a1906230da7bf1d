"""References are read from any list a front end writes; an unreadable one is kept as missing."""

import pytest

from tests.unit.read_request import attach_ids, only_stage

NO_ATTACH_IDS: tuple[object, ...] = (
    *(0, -1, 2**63, 10**400, 1.5, float("inf"), float("nan")),
    *("abc", "", "9" * 5000, None, True, [602], {}),
)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        *[(602, 602), ("602", 602), (" 602 ", 602), (602.0, 602), ("602.0", 602), (2**63 - 1, 2**63 - 1)],
        *[(given, None) for given in NO_ATTACH_IDS],
    ],
)
def test_an_attach_id_is_a_positive_64_bit_integer_or_missing(given, read_as):
    listed = [{"attachId": given, "type": "top"}]
    assert attach_ids(only_stage("single_batch", {"individualImageAttachIds": listed})) == [read_as]


@pytest.mark.parametrize(
    ("listed", "read_as"),
    [
        ([501, 502], [501, 502]),
        (["501", [502, [503]]], [501, 502, 503]),
        (501, [501]),
        ("501", [501]),
        ({"attachId": 501}, [501]),
        ([None, 501, None], [501]),
        ([{}, 501], [None, 501]),
        (None, []),
        ([], []),
        ("", []),
        ({}, []),
        ("no id", [None]),
    ],
)
def test_a_list_of_references_has_one_reading(listed, read_as):
    data = {"basePrompt": "x", "individualImageAttachIds": listed}
    assert attach_ids(only_stage("single_batch", data)) == read_as


def test_a_type_is_trimmed_and_lower_case_or_none():
    listed = [{"attachId": n, "type": kind} for n, kind in enumerate([" TOP ", None, "  ", 7], start=1)]
    references = only_stage("single_batch", {"individualImageAttachIds": listed}).references
    assert [ask.type for ask in references] == ["top", None, None, "7"]


def test_a_reference_given_twice_counts_once_where_it_was_given_last():
    pairs = [(1, "model"), (2, "model"), ("1", "Model"), (1, "top"), ("x", "top"), ("x", "top")]
    listed = [{"attachId": attach_id, "type": kind} for attach_id, kind in pairs]
    references = only_stage("single_batch", {"individualImageAttachIds": listed}).references
    read_as = [(ask.attach_id, ask.type) for ask in references]
    assert read_as == [(2, "model"), (1, "model"), (1, "top"), (None, "top"), (None, "top")]


def test_a_reference_says_where_it_stood():
    listed = [None, 501, {"attachId": "x"}]
    references = only_stage("pipeline_stage", {"stages": [{"individualImageAttachIds": listed}]}).references
    keys = [ask.where for ask in references]
    assert keys == ["stages[0].individualImageAttachIds[1]", "stages[0].individualImageAttachIds[2]"]
