import base64
import io
import json

import pytest
from PIL import Image

from quel.sandbox.gemini.models import MODELS
from quel.sandbox.gemini.request import InvalidArgument, check_against, read_request
from quel.sandbox.gemini.schema import REQUESTS


def png(size=(4, 3)):
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).save(buffer, "PNG")
    return buffer.getvalue()


def body(parts, **rest):
    return json.dumps({"contents": [{"role": "user", "parts": parts}], **rest}).encode()


def read(raw):
    return read_request(raw, open_pictures=True)


def test_camel_case_and_snake_case_are_the_same_request():
    data = base64.b64encode(png()).decode()
    camel = body(
        [{"inlineData": {"mimeType": "image/png", "data": data}}, {"text": "draw"}],
        generationConfig={
            "responseModalities": ["IMAGE"],
            "imageConfig": {"aspectRatio": "9:16", "imageSize": "1K"},
        },
        systemInstruction={"parts": [{"text": "be kind"}]},
    )
    snake = body(
        [{"inline_data": {"mime_type": "image/png", "data": data}}, {"text": "draw"}],
        generation_config={
            "response_modalities": ["IMAGE"],
            "image_config": {"aspect_ratio": "9:16", "image_size": "1K"},
        },
        system_instruction={"parts": [{"text": "be kind"}]},
    )
    assert read(camel) == read(snake)
    assert read(snake).size_px == (768, 1344)
    assert read(snake).system_instruction


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_base64_alphabets_are_read_with_and_without_padding(encode, padded):
    picture = png((40, 30))
    text = encode(picture).decode()
    asked = read(
        body([{"inlineData": {"data": text if padded else text.rstrip("="), "mimeType": "image/png"}}])
    )
    assert asked.pictures[0].data == picture
    assert (asked.pictures[0].width, asked.pictures[0].height) == (40, 30)


def test_the_order_of_texts_and_pictures_is_kept():
    picture = {"inlineData": {"data": base64.b64encode(png()).decode(), "mimeType": "image/png"}}
    assert read(body([picture, picture, {"text": "last"}])).parts == ("picture", "picture", "text")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"{}",
        body([]),
        body([{"inlineData": {"data": "!!!", "mimeType": "image/png"}}]),
        body([{"inlineData": {"data": base64.b64encode(b"no picture").decode(), "mimeType": "image/png"}}]),
        body([{"text": "x"}], generationConfig={"imageConfig": {"aspectRatio": "17:9"}}),
        body([{"text": "x"}], generationConfig={"imageConfig": {"imageSize": "9K"}}),
    ],
)
def test_what_the_provider_would_refuse_is_refused(raw):
    with pytest.raises(InvalidArgument):
        read(raw)


def test_the_oldest_model_refuses_what_it_never_learned():
    old, new = MODELS["gemini-2.5-flash-image"], MODELS["gemini-nano-banana-2.1"]
    picture = {"inlineData": {"data": base64.b64encode(png()).decode(), "mimeType": "image/png"}}
    too_much = [
        read(body([picture] * 4)),
        read(body([{"text": "x"}], generationConfig={"imageConfig": {"imageSize": "1K"}})),
        read(body([{"text": "x"}], systemInstruction={"parts": [{"text": "y"}]})),
    ]
    for asked in too_much:
        check_against(new, asked)
        with pytest.raises(InvalidArgument):
            check_against(old, asked)
    with pytest.raises(InvalidArgument):
        check_against(new, read(body([picture] * 15)))


def refusal(version, **rest):
    raw = body([{"text": "draw"}], **rest)
    with pytest.raises(InvalidArgument) as refused:
        read_request(raw, open_pictures=True, version=version)
    return refused.value


@pytest.mark.parametrize(
    ("field", "version"),
    [
        *[
            (name, "v1")
            for name in ("responseModalities", "imageConfig", "response_modalities", "image_config")
        ],
        *[(name, version) for name in ("colour", "numberOfImages") for version in REQUESTS],
    ],
)
def test_a_field_that_the_version_lacks_is_refused_in_the_services_words(field, version):
    refused = refusal(version, generationConfig={"temperature": 0.4, field: None})
    assert str(refused) == (
        f"Invalid JSON payload received. Unknown name \"{field}\" at 'generation_config': Cannot find field."
    )
    assert refused.violations == ({"field": "generation_config", "description": str(refused)},)


def test_every_unknown_field_is_told_with_its_place():
    parts = [{"text": "draw"}, {"text": "more", "colour": "red"}]
    raw = body(parts, generationConfig={"imageConfig": {"size": 1}}, hurry=True)
    with pytest.raises(InvalidArgument) as refused:
        read_request(raw, open_pictures=True)
    assert [violation["field"] for violation in refused.value.violations] == [
        "contents[0].parts[1]",
        "generation_config.image_config",
        "",
    ]


@pytest.mark.parametrize("version", REQUESTS)
def test_what_every_version_has_is_taken(version):
    raw = body(
        [{"text": "draw"}], generation_config={"temperature": 0.4, "seed": 1}, safetySettings=[{"a": 1}]
    )
    assert read_request(raw, open_pictures=True, version=version).seed == 1
