"""The engine against the sandbox's Gemini: what it sends, and that every answer becomes an outcome."""

import base64
import gzip
import hashlib
import io
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from quel.adapters.gemini import GeminiEngine, ModelState
from quel.core.aspect import AspectRatio
from quel.core.errors import SettingsError
from quel.core.models import API_VERSION
from quel.core.operator_fault import OperatorFault
from quel.core.outcome import (
    Broken,
    GenerateRequest,
    Made,
    PictureBytes,
    QuotaScope,
    Refused,
    Stalled,
    Transient,
    Wait,
)
from quel.sandbox import faults
from quel.sandbox.faults import Fault
from quel.sandbox.gemini import drawing
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.gemini.client import Gemini
from quel.sandbox.gemini.errors import error_body
from quel.settings import Settings

KEY = "AIzaSyNoRealKeyButShapedLikeOne0000000"
PROMPT = "A garment nobody else may read about"


@pytest.fixture(scope="module")
def simulator():
    with Gemini(api_key=KEY, ready_made=True) as gemini:
        yield gemini


@pytest.fixture
def gemini(simulator):
    simulator.reset()
    return simulator


@pytest.fixture
def engine_of(gemini):
    engines = []

    def make(**more):
        options = {
            "api_key": KEY,
            "model": "gemini-nano-banana-2.1",
            "base_url": gemini.url,
            "api_version": "v1beta",
        }
        engines.append(GeminiEngine(**options | more))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def picture(kind, colour):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 9), colour).save(buffer, kind)
    return PictureBytes(buffer.getvalue(), f"image/{kind.lower()}")


def error(code, status, *details):
    """An error whose message quotes what no outcome may hold."""
    return Fault(status, status=code, body=error_body(code, f"{KEY} {PROMPT}", *details, status=status))


def answered(value):
    return Fault("answered", status=200, body=json.dumps(value))


def page(status, data=b""):
    return Fault("page", status=status, body=data.decode(errors="surrogateescape"))


def request(*pictures, seed=7, labels=()):
    return GenerateRequest(PROMPT, pictures, AspectRatio(16, 9), seed, labels=labels)


def test_each_picture_is_sent_after_its_label_and_the_brief_last(gemini, engine_of):
    gemini.configure(ready_made=False)
    pictures = [picture("PNG", "red"), picture("JPEG", "blue")]
    engine_of().generate(request(*pictures, labels=("Image 1: red.", "Image 2: blue.")))
    (call,) = gemini.calls()
    assert call.parts == ("text", "picture", "text", "picture", "text")
    assert call.prompt == f"Image 1: red.\nImage 2: blue.\n{PROMPT}"


def test_pictures_without_labels_are_sent_in_order_then_the_text_with_the_agreed_settings(gemini, engine_of):
    gemini.configure(ready_made=False)
    pictures = [picture("PNG", "red"), picture("JPEG", "blue"), picture("PNG", "white")]
    engine_of().generate(request(*pictures))
    (call,) = gemini.calls()
    assert call.outcome == "made"
    assert call.target == "/v1beta/models/gemini-nano-banana-2.1:generateContent"
    assert set(call.fields) == {"contents", "generationConfig"}
    assert call.config == {
        "seed": 7,
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"},
    }
    assert (call.parts, call.prompt) == (("picture", "picture", "picture", "text"), PROMPT)
    assert [(sent.sha256, sent.mime_type) for sent in call.pictures] == [
        (hashlib.sha256(picture.data).hexdigest(), picture.mime_type) for picture in pictures
    ]


def test_the_old_model_is_not_sent_an_image_size(gemini, engine_of):
    engine_of(model="gemini-2.5-flash-image").generate(request())
    config = gemini.calls()[0].config
    assert (config["imageConfig"], config["temperature"]) == ({"aspectRatio": "16:9"}, 0.45)


def test_a_larger_size_is_asked_for_and_counted_at_its_price(gemini, engine_of):
    gemini.configure(ready_made=False)
    outcome = engine_of().generate(replace(request(), image_size="2K"))
    assert gemini.calls()[0].config["imageConfig"]["imageSize"] == "2K"
    assert isinstance(outcome, Made)
    assert outcome.cost_usd == 0.0504


def test_what_costs_the_same_at_2k_is_asked_for_at_2k(gemini, engine_of):
    engine_of(model="gemini-3-pro-image").generate(request())
    assert gemini.calls()[0].config["imageConfig"]["imageSize"] == "2K"


def test_address_and_version_can_be_a_gateways(gemini, engine_of):
    engine_of(base_url=f"{gemini.url}/gate/way/", api_version="v1").generate(request())
    assert gemini.calls()[0].target == "/gate/way/v1/models/gemini-nano-banana-2.1:generateContent"


def test_the_version_is_quels_own_and_not_the_sdks(gemini, engine_of):
    assert API_VERSION == Settings.model_fields["gemini_api_version"].default == "v1beta"
    engine = GeminiEngine(api_key=KEY, model="gemini-nano-banana-2.1", base_url=gemini.url)
    assert isinstance(engine.generate(request()), Made)
    engine.close()
    engine_of(api_version="").generate(request())
    assert {call.target.split("/")[1] for call in gemini.calls()} == {API_VERSION}


def test_a_version_without_the_fields_of_pictures_is_an_operators_matter(gemini, engine_of):
    outcome = engine_of(api_version="v1").generate(request())
    assert outcome == Stalled(OperatorFault.REQUEST_FORMAT)
    assert "responseModalities" in outcome.said


def test_an_answer_that_a_gateway_packed_brings_its_picture(gemini, engine_of):
    data = base64.b64encode(drawing.ready_made()).decode()
    answer = {"candidates": [{"content": {"parts": [{"inlineData": {"data": data}}]}}]}
    packed = gzip.compress(json.dumps(answer).encode()).decode(errors="surrogateescape")
    for headers in ((("content-encoding", "gzip"),), ()):
        gemini.fail_next(Fault("packed", status=200, body=packed, headers=headers))
        assert isinstance(engine_of().generate(request()), Made)
    gemini.fail_next(Fault("packed", status=200, body=packed, headers=(("content-encoding", "br"),)))
    assert isinstance(engine_of().generate(request()), Broken)


def test_google_variables_of_the_environment_change_nothing(gemini, engine_of, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    assert isinstance(engine_of().generate(request()), Made)


def test_a_picture_is_made_and_costs_what_the_model_costs(gemini, engine_of):
    outcome = engine_of().generate(request())
    assert outcome == Made(PictureBytes(drawing.ready_made(), "image/png"), 0.0336)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (error(400, "INVALID_ARGUMENT"), Refused, "bad_request"),
        (error(400, "FAILED_PRECONDITION"), Refused, "failed_precondition"),
        (error(401, "UNAUTHENTICATED"), Refused, "key_refused"),
        (error(403, "PERMISSION_DENIED"), Refused, "permission_denied"),
        (error(404, "NOT_FOUND"), Refused, "unknown_model"),
        (page(307), Refused, "redirected"),
        (error(500, "INTERNAL"), Transient, "http_500"),
        (page(502, b"<html>\xb0\xa1 bad gateway</html>"), Transient, "http_502"),
        (error(503, "UNAVAILABLE"), Transient, "overloaded"),
        (error(504, "DEADLINE_EXCEEDED"), Transient, "deadline_exceeded"),
        (answered({"promptFeedback": {"blockReason": "SAFETY"}}), Refused, "prompt_blocked_safety"),
        (
            answered({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}),
            Refused,
            "blocked_image_safety",
        ),
        (answered({"candidates": [{"finishReason": "NEW_ONE"}]}), Broken, "no_picture_new_one"),
        (
            answered({"candidates": [{"finishReason": 17, "content": 4}]}),
            Broken,
            "no_picture_unknown",
        ),
        (answered({}), Broken, "empty_answer"),
        (page(200), Broken, "unreadable_answer"),
        (page(200, b"<html>hello</html>"), Broken, "unreadable_answer"),
        (page(200, b"\xff\xfe\xfd"), Broken, "unreadable_answer"),
        (gemini_faults.garbage_picture(), Broken, "unreadable_picture"),
    ],
)
def test_every_answer_becomes_an_outcome_without_key_or_prompt(gemini, engine_of, answer, kind, code):
    gemini.fail_when("", answer)
    outcome = engine_of().generate(request())
    assert isinstance(outcome, kind)
    assert outcome.code == code
    assert KEY not in outcome.message
    assert PROMPT not in outcome.message
    assert len(gemini.calls()) == 1


def test_a_429_is_waited_out_not_repeated(gemini, engine_of):
    gemini.fail_next(gemini_faults.quota_minute("53s"))
    assert engine_of().generate(request()) == Wait(QuotaScope.MINUTE, timedelta(seconds=53))
    gemini.fail_next(Fault("slow down", status=429, body="slow down", headers=(("retry-after", "4"),)))
    assert engine_of().generate(request()) == Wait(QuotaScope.UNKNOWN, timedelta(seconds=4))
    assert len(gemini.calls()) == 2


def test_a_hanging_gemini_ends_at_the_deadline_and_the_engine_goes_on(gemini, engine_of):
    engine = engine_of(timeout_s=2.0)
    gemini.fail_next(faults.hang())
    outcome = engine.generate(request())
    assert outcome == Transient("timeout", "Gemini did not answer within 2 s.")
    assert isinstance(engine.generate(request()), Made)


def test_an_unreachable_gemini_is_transient(engine_of):
    outcome = engine_of(base_url="http://127.0.0.1:1").generate(request())
    assert outcome == Transient("unreachable", "Gemini could not be reached.")


def test_an_answer_larger_than_any_picture_is_broken_off(gemini, engine_of, monkeypatch):
    monkeypatch.setattr("quel.adapters.gemini.engine._MAX_ANSWER_BYTES", 1000)
    outcome = engine_of().generate(request())
    assert isinstance(outcome, Broken)
    assert outcome.code == "answer_too_large"


def test_importing_the_adapter_does_not_import_the_slow_sdk():
    code = "import sys, quel.adapters.gemini; sys.exit('google.genai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_share_one_engine(gemini, engine_of):
    engine = engine_of(concurrency=4)
    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(lambda seed: engine.generate(request(seed=seed)), range(48)))
    assert all(isinstance(outcome, Made) for outcome in outcomes)
    assert sorted(call.seed for call in gemini.calls()) == [*range(48)]


def test_nothing_logged_at_info_holds_key_or_prompt(gemini, engine_of, caplog):
    caplog.set_level(logging.INFO)
    gemini.fail_next(error(400, "INVALID_ARGUMENT"))
    engine_of().generate(request())
    engine_of().generate(request())
    assert KEY not in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (faults.slow(0.0), ModelState.OK),
        (error(429, "RESOURCE_EXHAUSTED"), ModelState.OK),
        (error(404, "NOT_FOUND"), ModelState.UNKNOWN_MODEL),
        (error(401, "UNAUTHENTICATED"), ModelState.KEY_REFUSED),
        (error(403, "PERMISSION_DENIED"), ModelState.KEY_REFUSED),
        (error(503, "UNAVAILABLE"), ModelState.UNREACHABLE),
        (page(302), ModelState.UNREACHABLE),
        (page(404, b"<html>no such page</html>"), ModelState.UNTOLD),
        (page(404, b'{"detail": "Not Found"}'), ModelState.UNTOLD),
        (page(404, b'{"error": {"message": "Invalid URL", "type": "invalid"}}'), ModelState.UNTOLD),
        (page(405), ModelState.UNTOLD),
        (gemini_faults.spending_cap(), ModelState.STALLED),
        (answered({"error": {"code": 404, "status": "NOT_FOUND"}}), ModelState.UNKNOWN_MODEL),
        (page(200, b"<html>not Gemini</html>"), ModelState.UNREACHABLE),
    ],
)
def test_the_model_is_asked_for_without_making_an_image(gemini, engine_of, answer, state):
    gemini.fail_when("", answer, operation="describe")
    check = engine_of().check_model()
    assert (check.state, check.ok) == (state, state is ModelState.OK)
    assert KEY not in check.message
    assert gemini.calls() == []


def test_a_model_cannot_be_asked_for_where_nobody_listens(engine_of):
    assert engine_of(base_url="http://127.0.0.1:1").check_model().state is ModelState.UNREACHABLE


@pytest.mark.parametrize(
    "wrong", [{"api_key": ""}, {"api_key": "a\nb"}, {"api_key": "열쇠"}, {"base_url": "gemini"}]
)
def test_a_key_or_address_that_cannot_be_one_is_named(engine_of, wrong):
    with pytest.raises(SettingsError, match="GEMINI_"):
        engine_of(**wrong)
