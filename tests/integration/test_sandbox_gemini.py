"""The Gemini simulator against the provider's own client."""

import base64
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google import genai
from google.genai import types
from google.genai.errors import ClientError
from PIL import Image

from quel.sandbox.errors import SandboxError
from quel.sandbox.gemini.client import Gemini
from tests.integration import plain_http
from tests.integration.harness import until

MODEL = "gemini-nano-banana-2.1"


@pytest.fixture(scope="module")
def gemini():
    with Gemini(keep_pictures=True) as gemini:  # a process of its own; the tests of faults run it as a thread
        yield gemini


@pytest.fixture(autouse=True)
def fresh(gemini):
    gemini.reset()


@pytest.fixture(scope="module")
def client(gemini):
    client = client_of(gemini)
    yield client
    client.close()


def client_of(gemini, api_key=None, version="v1beta"):
    options = types.HttpOptions(base_url=gemini.url, api_version=version, timeout=20_000)
    return genai.Client(api_key=api_key or gemini.api_key, vertexai=False, http_options=options)


def png(colour, size=(40, 30)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def generate(client, *contents, model=MODEL, **options):
    config = types.GenerateContentConfig(response_modalities=["IMAGE"], **options)
    return client.models.generate_content(model=model, contents=list(contents), config=config)


def picture_of(response):
    inline = response.candidates[0].content.parts[-1].inline_data
    return inline, Image.open(io.BytesIO(inline.data))


def test_the_real_client_gets_a_picture_of_the_size_it_asked_for(client):
    inline, picture = picture_of(
        generate(client, "draw", image_config=types.ImageConfig(aspect_ratio="9:16", image_size="1K"))
    )
    assert (inline.mime_type, picture.format, picture.size) == ("image/png", "PNG", (768, 1344))


def test_a_version_that_lacks_a_field_refuses_it_as_the_service_does(gemini):
    for version in ("v1beta", "v1alpha"):
        client = client_of(gemini, version=version)
        assert picture_of(generate(client, "draw"))[1].size == (1024, 1024)
        client.close()
    client = client_of(gemini, version="v1")
    with pytest.raises(ClientError) as refused:
        generate(client, "draw", image_config=types.ImageConfig(aspect_ratio="9:16"))
    client.close()
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    first, second = refused.value.details["error"]["details"][0]["fieldViolations"]
    assert first["field"] == second["field"] == "generation_config"
    for name in ("responseModalities", "imageConfig"):
        told = f"Unknown name \"{name}\" at 'generation_config': Cannot find field."
        assert told in refused.value.details["error"]["message"]
    assert gemini.calls()[-1].outcome == "invalid_argument"


def test_a_call_is_logged_with_everything_it_asked(gemini, client):
    pictures = [png("red"), png("blue", (10, 20))]
    parts = [types.Part.from_bytes(data=data, mime_type="image/png") for data in pictures]
    image = types.ImageConfig(aspect_ratio="16:9", image_size="1K")
    generate(client, *parts, "자연스러운 빛", temperature=0.45, seed=12, image_config=image)
    (call,) = gemini.calls()
    assert (call.number, call.model, call.outcome, call.status) == (0, MODEL, "made", 200)
    assert (call.prompt, call.parts) == ("자연스러운 빛", ("picture", "picture", "text"))
    assert (call.aspect_ratio, call.image_size, call.seed, call.temperature) == ("16:9", "1K", 12, 0.45)
    assert (call.response_modalities, call.system_instruction) == (("IMAGE",), False)
    assert call.target.endswith(f"/models/{MODEL}:generateContent")
    assert set(call.fields) == {"contents", "generationConfig"}
    assert (call.config["seed"], call.config["imageConfig"]["imageSize"]) == (12, "1K")
    assert [(sent.width, sent.height, sent.mime_type) for sent in call.pictures] == [
        (40, 30, "image/png"),
        (10, 20, "image/png"),
    ]
    assert [sent.sha256 for sent in call.pictures] == [hashlib.sha256(data).hexdigest() for data in pictures]
    assert [gemini.picture(sent.sha256) for sent in call.pictures] == pictures
    assert call.finished_at is None or call.finished_at >= call.arrived_at


def test_a_gateway_may_put_a_path_before_the_providers(gemini):
    url = f"{gemini.url}/gate/way/v1beta/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": "draw"}]}]}
    assert plain_http.post(url, headers={"x-goog-api-key": gemini.api_key}, json=body).status_code == 200
    assert gemini.calls()[0].target == f"/gate/way/v1beta/models/{MODEL}:generateContent"


def test_a_system_instruction_is_noticed(gemini, client):
    generate(client, "draw", system_instruction="be kind")
    assert gemini.calls()[0].system_instruction


def test_calls_can_be_read_from_where_one_left_off(gemini, client):
    for prompt in ("first", "second", "third"):
        generate(client, prompt)
    assert [call.prompt for call in gemini.calls(since=1)] == ["second", "third"]


def test_a_wrong_key_is_a_400_with_its_reason(gemini):
    stranger = client_of(gemini, api_key="stolen")
    with pytest.raises(ClientError) as refused:
        generate(stranger, "draw")
    stranger.close()
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert refused.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert gemini.calls()[0].outcome == "invalid_key"


def test_the_key_is_taken_from_the_address_too(gemini):
    url = f"{gemini.url}/v1beta/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": "draw"}]}]}
    assert plain_http.post(url, params={"key": gemini.api_key}, json=body).status_code == 200
    assert plain_http.post(url, params={"key": "stolen"}, json=body).status_code == 400
    assert plain_http.post(url, json=body).status_code == 400


def test_an_unknown_model_is_a_404(gemini, client):
    for ask in (
        lambda: generate(client, "draw", model="gemini-1"),
        lambda: client.models.get(model="gemini-1"),
    ):
        with pytest.raises(ClientError) as refused:
            ask()
        assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    assert [call.outcome for call in gemini.calls()] == ["unknown_model"]


def test_models_are_listed_and_described(client):
    listed = [model.name for model in client.models.list()]
    assert f"models/{MODEL}" in listed
    assert client.models.get(model=MODEL).name == f"models/{MODEL}"


def test_a_request_nobody_can_read_is_a_400(gemini, client):
    with pytest.raises(ClientError) as refused:
        generate(client, "draw", image_config=types.ImageConfig(aspect_ratio="17:9"))
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert gemini.calls()[0].outcome == "invalid_argument"


def test_addresses_it_does_not_have_are_a_404(gemini):
    assert plain_http.get(f"{gemini.url}/").status_code == 404
    assert plain_http.get(f"{gemini.url}/v1/models/{MODEL}:generateContent").status_code == 404
    assert plain_http.post(f"{gemini.url}/v1/models/{MODEL}").status_code == 404


def test_the_limit_a_minute_holds_and_tells_when_to_come_back(gemini, client):
    gemini.configure(rpm=3)
    for _ in range(3):
        generate(client, "draw")
    with pytest.raises(ClientError) as refused:
        generate(client, "draw")
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    quota, retry = refused.value.details["error"]["details"]
    assert "PerMinute" in quota["violations"][0]["quotaId"]
    assert 50 <= int(retry["retryDelay"].removesuffix("s")) <= 60
    assert [call.outcome for call in gemini.calls()] == ["made", "made", "made", "rate_limited"]
    gemini.reset()
    generate(client, "draw")


def test_ready_made_answers_are_all_the_same_photograph(gemini, client):
    gemini.configure(ready_made=True)
    part = types.Part.from_bytes(data=png("red"), mime_type="image/png")
    answers = [picture_of(generate(client, part, prompt)) for prompt in ("one", "two")]
    assert answers[0][0].data == answers[1][0].data
    assert answers[0][1].size == (1344, 768)
    assert [(call.prompt, call.pictures) for call in gemini.calls()] == [("one", ()), ("two", ())]


def test_latency_is_part_of_every_answer(gemini, client):
    gemini.configure(latency_s=0.3)
    generate(client, "draw")
    gemini.configure(latency_s=0.0, ready_made=True)
    generate(client, "draw")
    (slow, _) = gemini.calls()
    while slow.finished_at is None:
        slow = gemini.calls()[0]
    assert slow.finished_at - slow.arrived_at >= 0.29


def test_answers_that_are_held_back_come_when_they_are_let_go(gemini, client):
    with ThreadPoolExecutor(2) as threads, gemini.holding_back(after=1):
        answers = [threads.submit(generate, client, prompt) for prompt in ("one", "two")]
        until(lambda: sum(call.finished_at is not None for call in gemini.calls()) == 1, "one is answered")
        until(lambda: len(gemini.calls()) == 2, "the other one is under way")
        assert sum(answer.done() for answer in answers) <= 1
    assert all(picture_of(answer.result()) for answer in answers)


def test_many_connections_are_served_at_once(gemini):
    gemini.configure(ready_made=True, latency_s=0.5)
    body = {"contents": [{"parts": [{"text": "draw"}]}]}
    url = f"{gemini.url}/v1/models/{MODEL}:generateContent"
    headers = {"x-goog-api-key": gemini.api_key}
    # A pool that keeps fewer connections than it has users closes some under them (httpcore 1.0.9).
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    with httpx.Client(timeout=30, headers=headers, limits=limits) as http, ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(lambda _: http.post(url, json=body), range(128)))
    assert [answer.status_code for answer in answers] == [200] * 128
    assert len(gemini.calls()) == 128


def test_a_picture_nobody_sent_is_an_error(gemini):
    with pytest.raises(SandboxError, match="No such picture"):
        gemini.picture("0" * 64)


def test_the_answer_is_spelled_as_the_provider_spells_it(gemini):
    url = f"{gemini.url}/v1beta/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": "draw"}]}]}
    answer = plain_http.post(url, headers={"x-goog-api-key": gemini.api_key}, json=body).json()
    (candidate,) = answer["candidates"]
    (part,) = candidate["content"]["parts"]
    assert candidate["finishReason"] == "STOP"
    assert part["inlineData"]["mimeType"] == "image/png"
    assert base64.b64decode(part["inlineData"]["data"], validate=True).startswith(b"\x89PNG")
