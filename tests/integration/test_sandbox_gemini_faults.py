"""Every fault the Gemini simulator knows, as the provider's own client and a plain one see it."""

import io
import json
import threading
import time

import httpx
import pytest
from google import genai
from google.genai import types
from google.genai.errors import APIError
from PIL import Image

from quel.sandbox import faults
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.gemini.client import Gemini
from tests.integration import plain_http
from tests.integration.harness import until

MODEL = "gemini-nano-banana-2.1"
FINISH_REASONS = (
    *gemini_faults.PERMANENT_FINISH_REASONS,
    *gemini_faults.PASSING_FINISH_REASONS,
    *gemini_faults.ACCOUNT_FINISH_REASONS,
)


@pytest.fixture(scope="module")
def gemini():
    with Gemini(in_process=True) as gemini:
        yield gemini


@pytest.fixture(autouse=True)
def fresh(gemini):
    gemini.reset()


@pytest.fixture(scope="module")
def client(gemini):
    options = types.HttpOptions(base_url=gemini.url, timeout=20_000)
    client = genai.Client(api_key=gemini.api_key, vertexai=False, http_options=options)
    yield client
    client.close()


def generate(client, prompt="draw"):
    return client.models.generate_content(model=MODEL, contents=prompt)


def parts_of(response):
    return response.candidates[0].content.parts


def post(gemini, timeout_s=20.0, prompt="draw"):
    url = f"{gemini.url}/v1/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": prompt}]}]}
    headers = {"x-goog-api-key": gemini.api_key}
    return plain_http.post(url, headers=headers, json=body, timeout=timeout_s)


def outcomes(gemini):
    return [call.outcome for call in gemini.calls()]


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (gemini_faults.quota_minute(), 429, "RESOURCE_EXHAUSTED"),
        (gemini_faults.quota_day(), 429, "RESOURCE_EXHAUSTED"),
        (gemini_faults.quota_bare(), 429, "RESOURCE_EXHAUSTED"),
        (gemini_faults.server_error(500), 500, "INTERNAL"),
        (gemini_faults.server_error(502), 502, "UNKNOWN"),
        (gemini_faults.server_error(503), 503, "UNAVAILABLE"),
        (gemini_faults.server_error(504), 504, "DEADLINE_EXCEEDED"),
        (gemini_faults.invalid_argument(), 400, "INVALID_ARGUMENT"),
        (gemini_faults.api_key_rejected(), 400, "INVALID_ARGUMENT"),
        (gemini_faults.failed_precondition(), 400, "FAILED_PRECONDITION"),
        (gemini_faults.unauthenticated(), 401, "UNAUTHENTICATED"),
        (gemini_faults.permission_denied(), 403, "PERMISSION_DENIED"),
        (gemini_faults.retired_model(), 404, "NOT_FOUND"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_an_error_arrives_with_its_code_and_status(gemini, client, fault, code, status):
    gemini.fail_next(fault)
    with pytest.raises(APIError) as refused:
        generate(client)
    assert (refused.value.code, refused.value.status) == (code, status)
    (call,) = gemini.calls()
    assert (call.outcome, call.status) == (fault.name, code)


def test_a_429_tells_its_scope_and_delay_or_nothing(gemini):
    for fault in (gemini_faults.quota_minute("3.5s"), gemini_faults.quota_day(), gemini_faults.quota_bare()):
        gemini.fail_next(fault)
    minute, day, bare = (post(gemini).json()["error"].get("details") for _ in range(3))
    assert "PerMinute" in minute[0]["violations"][0]["quotaId"]
    assert minute[1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}
    assert "PerDay" in day[0]["violations"][0]["quotaId"]
    assert len(day) == 1
    assert bare is None


def test_a_blocked_prompt_has_no_candidates(gemini, client):
    gemini.fail_next(gemini_faults.blocked_prompt("PROHIBITED_CONTENT"))
    response = generate(client)
    assert response.candidates is None
    assert response.prompt_feedback.block_reason == "PROHIBITED_CONTENT"


@pytest.mark.parametrize("reason", FINISH_REASONS)
def test_a_finish_reason_comes_without_parts(gemini, client, reason):
    gemini.fail_next(gemini_faults.finished_for(reason))
    (candidate,) = generate(client).candidates
    assert (candidate.finish_reason, candidate.content) == (reason, None)


def test_an_answer_may_stop_without_a_picture_or_with_words_alone(gemini, client):
    gemini.fail_next(gemini_faults.stopped_without_picture())
    assert not parts_of(generate(client))
    gemini.fail_next(gemini_faults.text_only())
    (part,) = parts_of(generate(client))
    assert part.text
    assert part.inline_data is None


def test_the_picture_may_come_after_words(gemini, client):
    gemini.fail_next(gemini_faults.text_before_picture())
    words, picture = parts_of(generate(client))
    assert words.text
    assert Image.open(io.BytesIO(picture.inline_data.data)).size == (1024, 1024)


def test_of_several_pictures_one_is_a_thought_and_all_differ(gemini, client):
    gemini.fail_next(gemini_faults.several_pictures())
    thought, draft, last = parts_of(generate(client))
    assert [bool(part.thought) for part in (thought, draft, last)] == [True, False, False]
    assert len({part.inline_data.data for part in (thought, draft, last)}) == 3
    assert parts_of(generate(client))[0].inline_data.data == last.inline_data.data


def test_the_picture_may_be_a_jpeg(gemini, client):
    gemini.fail_next(gemini_faults.jpeg_picture())
    (part,) = parts_of(generate(client))
    assert part.inline_data.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(part.inline_data.data)).format == "JPEG"


@pytest.mark.parametrize("fault", [gemini_faults.garbage_picture(), gemini_faults.truncated_picture()])
def test_the_picture_may_be_broken(gemini, client, fault):
    gemini.fail_next(fault)
    (part,) = parts_of(generate(client))
    assert part.inline_data.mime_type == "image/png"
    with pytest.raises(OSError):
        Image.open(io.BytesIO(part.inline_data.data)).load()


def test_faults_bend_ready_made_answers_too(gemini, client):
    gemini.configure(ready_made=True)
    gemini.fail_next(gemini_faults.text_before_picture())
    gemini.fail_next(gemini_faults.server_error(503))
    assert len(parts_of(generate(client))) == 2
    assert post(gemini).status_code == 503
    assert post(gemini).status_code == 200


def test_a_200_may_hold_invalid_json(gemini, client):
    gemini.fail_next(gemini_faults.invalid_json(), times=2)
    assert post(gemini).status_code == 200
    with pytest.raises(json.JSONDecodeError):
        generate(client)


def test_a_gateway_may_answer_with_a_page(gemini):
    gemini.fail_next(faults.gateway_page(502))
    answer = post(gemini)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize("fault", [faults.cut_before_answer(), faults.cut_during_answer()])
def test_the_connection_may_break(gemini, fault):
    gemini.fail_next(fault)
    with pytest.raises(httpx.RemoteProtocolError):
        post(gemini)
    assert post(gemini).status_code == 200


def test_a_hanging_request_is_never_answered(gemini):
    gemini.fail_next(faults.hang())
    with pytest.raises(httpx.ReadTimeout):
        post(gemini, timeout_s=0.3)
    until(lambda: outcomes(gemini) == ["hang"], "the call is in the log")


def test_a_dribbling_answer_outlives_a_timeout_per_read(gemini):
    gemini.fail_next(faults.dribble(pace_s=0.2))
    began_s = time.monotonic()
    with stream(gemini, timeout_s=2.0) as answer:
        sizes = [len(chunk) for _, chunk in zip(range(12), answer.iter_raw(), strict=False)]
    assert time.monotonic() - began_s > 2.0
    assert max(sizes) < 10


def test_a_slow_answer_is_late_but_good(gemini):
    gemini.fail_next(faults.slow(0.5))
    with pytest.raises(httpx.ReadTimeout):
        post(gemini, timeout_s=0.2)
    gemini.fail_next(faults.slow(0.5))
    assert post(gemini, timeout_s=10).status_code == 200


def test_an_error_may_be_late_as_well(gemini):
    gemini.fail_next(gemini_faults.server_error(503).after(0.4))
    with pytest.raises(httpx.ReadTimeout):
        post(gemini, timeout_s=0.2)


def test_asking_for_a_model_can_fail_too(gemini, client):
    gemini.fail_when("", gemini_faults.server_error(503), operation="describe")
    with pytest.raises(APIError) as failed:
        client.models.get(model=MODEL)
    assert failed.value.code == 503
    assert post(gemini).status_code == 200


def test_an_answer_may_be_any_bytes(gemini):
    gemini.fail_next(faults.Fault("bytes", status=502, body=b"\xb0\xa1".decode(errors="surrogateescape")))
    assert post(gemini).content == b"\xb0\xa1"


@pytest.mark.parametrize("pace_s", [0.0, 0.01])
def test_what_is_sent_may_be_no_http_at_all(gemini, pace_s):
    gemini.fail_next(faults.raw(b"SSH-2.0-\xff\r\n", pace_s))
    with pytest.raises(httpx.RemoteProtocolError):
        post(gemini)
    gemini.fail_next(faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", pace_s))
    assert post(gemini).content == b"he"


def test_an_enormous_answer_announces_itself(gemini):
    gemini.fail_next(faults.enormous(50_000_000))
    with stream(gemini) as answer:
        assert answer.headers["content-length"] == "50000000"
        assert sum(map(len, answer.iter_raw())) == 50_000_000


def test_an_endless_answer_goes_on(gemini):
    gemini.fail_next(faults.endless())
    with stream(gemini) as answer:
        assert "content-length" not in answer.headers
        received = 0
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received > 30_000_000:
                break
    assert received > 30_000_000
    assert post(gemini).status_code == 200


def stream(gemini, timeout_s=20.0):
    url = f"{gemini.url}/v1/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": "draw"}]}]}
    return plain_http.stream(
        "POST", url, headers={"x-goog-api-key": gemini.api_key}, json=body, timeout=timeout_s
    )


def test_a_word_in_the_prompt_can_bring_the_fault(gemini, client):
    gemini.fail_when("blockme", gemini_faults.blocked_prompt())
    for prompt in ("please blockme", "nothing wrong", "blockme again"):
        generate(client, prompt)
    assert outcomes(gemini) == ["blocked_prompt", "made", "blocked_prompt"]
    gemini.clear_faults()
    generate(client, "blockme")
    assert outcomes(gemini)[-1] == "made"


def test_chance_can_bring_the_fault_and_is_repeatable(gemini):
    def run(seed):
        gemini.reset()
        gemini.configure(ready_made=True)
        gemini.fail_randomly(gemini_faults.server_error(503), 0.5, seed=seed)
        return [post(gemini).status_code for _ in range(20)]

    assert run(7) == run(7)
    assert set(run(7)) == {200, 503}
    assert run(7) != run(8)


def test_a_server_that_closes_lets_go_of_what_hangs():
    with Gemini(in_process=True) as gemini:
        gemini.fail_next(faults.hang())
        failures = []

        def ask():
            try:
                post(gemini)
            except httpx.HTTPError as error:
                failures.append(type(error))

        thread = threading.Thread(target=ask)
        thread.start()
        while not gemini.calls():
            pass
    thread.join(timeout=30)
    assert len(failures) == 1
