"""JSON that PostgreSQL holds and Python would refuse ends as an input like any other."""

import pytest

from quel.core.job import JobRequest
from quel.core.request import decode_input, parse_request


def test_decoding_reads_plain_json_as_it_stands():
    assert decode_input('{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}


def test_decoding_reads_integers_of_any_length():
    huge = "9" * 5000
    data = decode_input('{"combinations": [{"quantity": ' + huge + '}], "n": -' + huge + "}")
    assert isinstance(data, dict)
    assert data["n"] == float("-inf")
    request = parse_request("single_batch", data, total_images=1)
    assert isinstance(request, JobRequest)
    assert request.stages[0].items[0].quantity == 10**20


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, '{"a":}', b"\xff\xfe\xfd"])
def test_what_cannot_be_decoded_is_refused_as_an_input(text):
    assert decode_input(text) is None
    problems = parse_request("single_batch", decode_input(text), total_images=1)
    assert isinstance(problems, tuple)
    (problem,) = problems
    assert problem.message == "job_input_data must be an object, but it is missing or cannot be read."


def test_lists_nested_deeper_than_python_recurses_are_read():
    deep: list[object] = [501]
    for _ in range(50_000):
        deep = [deep]
    request = parse_request("simple_general", {"uploadedAttachIds": deep}, total_images=1)
    assert isinstance(request, JobRequest)
    assert [ask.attach_id for ask in request.stages[0].references] == [501]
