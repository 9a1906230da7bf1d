"""A picture that was paid for is taken, wherever it stands, however it is labelled, encoded and wrapped."""

import base64
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import HttpAnswer
from quel.adapters.imaging import check_readable
from quel.core.models import model_for
from quel.core.outcome import Broken, Made, PictureBytes, Refused
from tests.unit.provider_answers import NAMES, answer_named

MODEL = model_for("gemini-nano-banana-2.1")


def encoded(colour, kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 9), colour).save(buffer, kind)
    return buffer.getvalue()


RED, GREEN, BLUE = encoded("red"), encoded("green"), encoded("blue", "JPEG")


def in_lines(data, ending):
    text = base64.b64encode(data).decode()
    return ending.join(text[at : at + 76] for at in range(0, len(text), 76))


ENCODINGS = {
    "plain": lambda data: base64.b64encode(data).decode(),
    "lines_lf": lambda data: in_lines(data, "\n"),
    "lines_crlf": lambda data: in_lines(data, "\r\n") + "\r\n",
    "lines_escaped_twice": lambda data: in_lines(data, "\\n"),
    "url_safe": lambda data: base64.urlsafe_b64encode(data).decode(),
    "unpadded": lambda data: base64.b64encode(data).decode().rstrip("="),
    "url_safe_unpadded": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "data_url": lambda data: f"data:image/png;base64,{base64.b64encode(data).decode()}",
    "data_url_in_lines": lambda data: f" data:image/jpeg;base64,\n{in_lines(data, chr(10))}",
    "data_url_quoted": lambda data: (
        "DATA:;base64," + base64.b64encode(data).decode().replace("+", "%2B").replace("=", "%3D")
    ),
}
LABELS = ["image/png", "image/jpeg", "", None, "application/octet-stream", "text/plain", 7, "IMAGE/WEBP"]
BROKEN = ["", "   ", "!!", "한글", base64.b64encode(b"no picture").decode(), ENCODINGS["plain"](RED[:-20])]
WRAPPINGS = {
    "bare": lambda body: body,
    "byte_order_mark": lambda body: b"\xef\xbb\xbf" + body,
    "utf_16": lambda body: body.decode().encode("utf-16"),
    "list_of_one": lambda body: b"[" + body + b"]",
    "event": lambda body: b"data: " + body + b"\n\n",
    "event_with_a_name_and_an_end": lambda body: (
        b": hello\r\nevent: message\r\nid: 1\r\ndata: " + body + b"\r\n\r\ndata: [DONE]\r\n\r\n"
    ),
    "gzip": gzip.compress,
    "one_behind_the_other": lambda body: json.dumps(answer_of()).encode() + b"\n" + body + b"\n{}",
    "with_something_behind": lambda body: body + b"\n\0<!-- cached -->",
    "event_before_one_that_is_cut_off": lambda body: b"data: " + body + b'\n\ndata: {"candid',
    "event_behind_one_that_is_none": lambda body: b"data: ping\n\ndata: " + body + b"\n\n",
    "guarded": lambda body: b")]}'\n" + body,
    "envelope": lambda body: b'{"success": true, "response": ' + body + b"}",
    "envelope_with_text": lambda body: json.dumps({"statusCode": 200, "body": body.decode()}).encode(),
    "list_in_an_envelope": lambda body: b'{"result": [' + body + b"]}",
    "text": lambda body: json.dumps(body.decode()).encode(),
    "lists": lambda body: b"[[" + body + b"]]",
    "blanks": lambda body: b"\r\n  " + body + b"\n\n",
    "broken_utf_8": lambda body: body.replace(b'"role"', b'"\xff\xfe"'),
}


def part(text, label="image/png", *, thought=None, snake=False):
    names = ("inline_data", "mime_type") if snake else ("inlineData", "mimeType")
    marks = {} if thought is None else {"thought": thought}
    return {names[0]: {names[1]: label, "data": text}} | marks


def answer_of(*parts):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}
    return {"candidates": [candidate]}


def judged(answer, wrap=WRAPPINGS["bare"], status=200):
    return judge_answer(HttpAnswer(status, wrap(json.dumps(answer).encode())), MODEL, check_readable)


def made(data):
    return Made(PictureBytes(data, "image/jpeg" if data == BLUE else "image/png"), MODEL.price_usd)


@given(
    st.sampled_from([RED, GREEN, BLUE]),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(LABELS),
    st.sampled_from(sorted(WRAPPINGS)),
    st.booleans(),
)
def test_the_bytes_decide_whatever_label_encoding_and_wrapping_say(data, encoding, label, wrapping, snake):
    answer = answer_of({"text": "Here:"}, part(ENCODINGS[encoding](data), label, snake=snake))
    assert judged(answer, WRAPPINGS[wrapping]) == made(data)


PARTS = st.lists(
    st.one_of(
        st.tuples(st.just("picture"), st.sampled_from([RED, GREEN, BLUE]), st.sampled_from([None, False])),
        st.tuples(st.just("thought"), st.sampled_from([RED, GREEN, BLUE]), st.just(True)),
        st.tuples(st.just("broken"), st.sampled_from(BROKEN), st.sampled_from([None, True])),
        st.tuples(st.just("text"), st.just("Enjoy."), st.just(None)),
    ),
    max_size=8,
)


@given(PARTS)
def test_the_last_whole_picture_counts_and_a_thought_only_where_there_is_none(parts):
    sent = [
        {"text": value} if kind == "text" else part(
            value if kind == "broken" else ENCODINGS["plain"](value), thought=thought
        )
        for kind, value, thought in parts
    ]  # fmt: skip
    outcome = judged(answer_of(*sent))
    for wanted in ("picture", "thought"):
        whole = [value for kind, value, _ in parts if kind == wanted]
        if whole:
            assert outcome == made(whole[-1])
            return
    assert isinstance(outcome, Broken)


def test_a_picture_is_found_in_any_candidate_and_any_object_of_a_list():
    body = [answer_of({"text": "first"}), answer_of(part(ENCODINGS["plain"](RED))), answer_of()]
    assert judged(body) == made(RED)
    assert judged({"candidates": [{"finishReason": "STOP"}, *answer_of(part(ENCODINGS["plain"](RED)))["candidates"]]}) == made(RED)  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    "place",
    [
        lambda data: {"candidates": [{"content": {"parts": [{"mimeType": "image/png", "data": data}]}}]},
        lambda data: {"candidates": [{"content": [{"inlineData": {"data": data}}]}]},
        lambda data: {"candidates": [{"parts": [{"inlineData": {"data": data}}]}]},
        lambda data: answer_of({"text": f"Here: ![it](data:image/png;base64,{data}) Enjoy."}),
        lambda data: answer_of({"image": {"imageBytes": data}}, {"thoughtSignature": "c2ln"}),
        lambda data: {"predictions": [{"bytesBase64Encoded": data, "mimeType": "image/png"}]},
        lambda data: {"data": [{"b64_json": data}]},
    ],
)
def test_a_picture_is_found_where_a_gateway_puts_it(place):
    assert judged(place(ENCODINGS["plain"](RED))) == made(RED)


def test_an_answer_nested_beyond_reason_is_only_broken():
    body = b'{"candidates": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert isinstance(judge_answer(HttpAnswer(200, body), MODEL, check_readable), Broken)
    assert isinstance(judged(json.loads(body[: len(b'{"candidates": ') + 150] + b"]" * 150 + b"}")), Broken)


def test_objects_where_lists_belong_are_read_as_lists_of_one():
    candidate = {"content": {"parts": part(ENCODINGS["plain"](RED))}}
    assert judged({"candidates": candidate}) == made(RED)


def test_a_picture_is_taken_even_where_an_error_stands_beside_it():
    answer = answer_of(part(ENCODINGS["plain"](RED))) | {"error": {"code": 500, "message": "late"}}
    assert judged(answer) == made(RED)


def test_a_refusal_counts_more_than_a_broken_picture():
    answer = answer_of(part(BROKEN[-1]))
    answer["candidates"][0]["finishReason"] = "IMAGE_SAFETY"
    assert isinstance(judged(answer), Refused)


@pytest.mark.parametrize("status", [200, 201, 206])
def test_every_success_is_read(status):
    assert judged(answer_of(part(ENCODINGS["plain"](RED))), status=status) == made(RED)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("e")])
def test_an_answer_as_it_was_seen_brings_its_picture(name):
    outcome = judge_answer(answer_named(name), MODEL, check_readable)
    assert isinstance(outcome, Made)
    assert Image.open(io.BytesIO(outcome.picture.data)).size == (64, 36)
