"""How a 200 answer of Gemini is read: a picture wherever it stands, else what is said instead."""

import base64
import io
import json

import pytest
from PIL import Image

from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import HttpAnswer
from quel.adapters.imaging import check_readable
from quel.core.models import model_for
from quel.core.outcome import Broken, Made, PictureBytes, Refused


def encoded(colour="red", kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 9), colour).save(buffer, kind)
    return buffer.getvalue()


RED, GREEN, JPEG = encoded("red"), encoded("green"), encoded("blue", "JPEG")


def image_part(data, mime_type="image/png", **more):
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}} | more


def answer_of(*parts, finish_reason="STOP", **more):
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish_reason}]} | more


MODEL = model_for("gemini-nano-banana-2.1")


def judged(answer):
    return judged_body(json.dumps(answer).encode())


def judged_body(body):
    return judge_answer(HttpAnswer(200, body), MODEL, check_readable)


def made(data, mime_type="image/png"):
    return Made(PictureBytes(data, mime_type), 0.0336)


def test_a_picture_is_made_and_costs_its_price():
    assert judged(answer_of(image_part(RED))) == made(RED)


def test_the_last_picture_that_is_no_thought_counts_wherever_it_stands():
    parts = [{"text": "Here:"}, image_part(RED), image_part(GREEN), image_part(JPEG, thought=True)]
    assert judged(answer_of(*parts, {"text": "Enjoy."})) == made(GREEN)


def test_the_picture_may_stand_in_a_later_candidate():
    answer = {"candidates": [{"finishReason": "STOP"}, *answer_of(image_part(RED))["candidates"]]}
    assert judged(answer) == made(RED)


def test_the_mime_type_is_the_pictures_own_whatever_is_claimed():
    assert judged(answer_of(image_part(JPEG, "image/png"))) == made(JPEG, "image/jpeg")


def test_snake_case_and_url_safe_base64_without_padding_are_read_too():
    data = base64.urlsafe_b64encode(RED).decode().rstrip("=")
    assert judged(answer_of({"inline_data": {"mime_type": "image/png", "data": data}})) == made(RED)


def test_a_picture_counts_whatever_finish_reason_comes_with_it():
    assert judged(answer_of(image_part(RED), finish_reason="SOMETHING_NEW")) == made(RED)


@pytest.mark.parametrize(
    "reason",
    [
        *("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "LANGUAGE"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    ],
)
def test_a_permanent_finish_reason_is_a_refusal(reason):
    outcome = judged({"candidates": [{"finishReason": reason}]})
    assert isinstance(outcome, Refused)
    assert outcome.code == f"blocked_{reason.lower()}"
    assert not outcome.account
    assert outcome.message.startswith("Gemini refused to make this image: ")


@pytest.mark.parametrize(
    "reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "STOP", "MAX_TOKENS"]
)
def test_a_passing_finish_reason_is_worth_another_call(reason):
    outcome = judged({"candidates": [{"finishReason": reason}]})
    assert isinstance(outcome, Broken)
    assert outcome.code == f"no_picture_{reason.lower()}"


def test_an_unknown_finish_reason_is_worth_another_call_and_named():
    outcome = judged({"candidates": [{"finishReason": "BRAND_NEW"}]})
    assert isinstance(outcome, Broken)
    assert "BRAND_NEW" in outcome.message


def test_a_limited_account_is_an_operators_matter():
    outcome = judged({"candidates": [{"finishReason": "PUP_LIMITED_DISABLED"}]})
    assert isinstance(outcome, Refused)
    assert outcome.account


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "NEW_ONE"]
)
def test_a_blocked_prompt_is_a_refusal_whatever_the_reason(reason):
    outcome = judged({"promptFeedback": {"blockReason": reason}})
    assert isinstance(outcome, Refused)
    assert outcome.code == f"prompt_blocked_{reason.lower()}"


def test_a_reason_that_is_no_constant_is_not_repeated():
    outcome = judged({"promptFeedback": {"blockReason": "the prompt said: my secret"}})
    assert isinstance(outcome, Refused)
    assert "secret" not in outcome.message + outcome.code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answer_of({"text": "I cannot draw that."}), "text_only"),
        (answer_of(image_part(b"hello", "audio/wav")), "unreadable_picture"),
        (answer_of(image_part(RED[:-20])), "unreadable_picture"),
        (answer_of(image_part(JPEG[: len(JPEG) // 2])), "unreadable_picture"),
        (answer_of(image_part(b"not a picture")), "unreadable_picture"),
        (answer_of(image_part(b"")), "no_picture_stop"),
        (answer_of({"inlineData": {"mimeType": "image/png", "data": "!!no base64!!"}}), "bad_base64"),
        (answer_of({"inlineData": {"mimeType": "image/png", "data": "한글"}}), "bad_base64"),
        (answer_of({"inlineData": {"mimeType": "image/png", "data": None}}), "no_picture_stop"),
        ({}, "empty_answer"),
        ({"candidates": []}, "empty_answer"),
        ({"candidates": None, "promptFeedback": {}}, "empty_answer"),
        ({"candidates": [None, 3, {"content": "x"}, {"content": {"parts": "y"}}]}, "empty_answer"),
        ([], "unreadable_answer"),
        ("text", "unreadable_answer"),
    ],
)
def test_an_answer_without_a_readable_picture_is_broken(answer, code):
    outcome = judged(answer)
    assert isinstance(outcome, Broken)
    assert outcome.code == code


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>busy</html>", b"\xff\xfe\x00", b"[" * 100_000, b"\x1f\x8b cut", b"data: {"]
)
def test_an_answer_that_is_no_json_is_broken(body):
    outcome = judged_body(body)
    assert isinstance(outcome, Broken)
    assert outcome.code == "unreadable_answer"


def test_what_a_text_answer_says_is_not_repeated():
    assert "cannot draw" not in judged(answer_of({"text": "I cannot draw that."})).message
