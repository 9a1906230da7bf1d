"""Pictures whose bytes stand in a job's input: found by their place, strict, bounded, and never quoted."""

import base64
import json

import pytest

from quel.core.errors import ReferenceUnavailable
from quel.core.request.fields import Fields, Findings
from quel.core.request.inline import inline_reference, picture_in

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WORDS = base64.b64encode(PICTURE).decode()
LIMIT = 1_000


def found(value, limit=LIMIT):
    return picture_in({"sourceImageBase64": value}, ("sourceImageBase64",), at_most_bytes=limit)


@pytest.mark.parametrize(
    "value",
    [
        WORDS,
        f" {WORDS}\n",
        f"data:image/png;base64,{WORDS}",
        f"DATA:image/png;charset=utf-8;BASE64,{WORDS}",
        f"data:;base64,{WORDS}",
    ],
)
def test_base64_is_read_with_and_without_a_data_url(value):
    assert found(value) == PICTURE


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (f"data:image/png,{WORDS}", "without base64"),
        (WORDS[:-1], "no base64"),
        (WORDS[:40] + "\n" + WORDS[40:], "no base64"),
        (WORDS.replace("+", "-").replace("/", "_"), "no base64"),
        ("what a lovely picture", "no base64"),
        (7, "must be text, but it is a number"),
        ({"data": WORDS}, "must be text, but it is an object"),
        (None, "must be text, but it is null"),
    ],
)
def test_what_is_no_strict_base64_is_refused_and_not_quoted(value, says):
    with pytest.raises(ReferenceUnavailable, match=says) as refusal:
        found(value)
    assert WORDS[:20] not in str(refusal.value)


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_a_picture_is_as_bounded_as_any_reference(size):
    assert found(base64.b64encode(bytes(LIMIT)).decode()) == bytes(LIMIT)
    with pytest.raises(ReferenceUnavailable, match=f"larger than {LIMIT} bytes"):
        found(base64.b64encode(bytes(size)).decode())


def test_a_place_is_found_in_any_spelling_in_nested_lists_and_in_json_text():
    layers = [[None, {"color": "red"}], json.dumps({"reference_image": WORDS})]
    place = ("layers", 2, "referenceImage")
    assert picture_in({"Layers": layers}, place, at_most_bytes=LIMIT) == PICTURE
    assert picture_in(json.dumps({"layers": layers}), place, at_most_bytes=LIMIT) == PICTURE
    for elsewhere in (("layers", 1, "referenceImage"), ("layers", 9, "referenceImage"), ("other",)):
        with pytest.raises(ReferenceUnavailable):
            picture_in({"layers": layers}, elsewhere, at_most_bytes=LIMIT)


def test_a_reference_names_the_place_and_never_the_bytes():
    fields = Fields({"source_image_base64": WORDS, "maskDataUrl": " "}, Findings())
    read = inline_reference(fields, "sourceImageBase64", ("sourceImageBase64",), "source")
    assert read is not None
    assert (read.where, read.place, read.is_readable) == (
        "source_image_base64",
        ("sourceImageBase64",),
        True,
    )
    assert WORDS[:20] not in repr(read)
    assert inline_reference(fields, "maskDataUrl", ("maskDataUrl",), "mask") is None
