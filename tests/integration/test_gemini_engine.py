"""The engine against a Gemini on the loopback: what it sends, and that every answer becomes an outcome."""

import base64
import io
import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from quel.adapters.gemini import GeminiEngine, ModelState
from quel.core.aspect import AspectRatio
from quel.core.errors import SettingsError
from quel.core.outcome import (
    Broken,
    GenerateRequest,
    Made,
    PictureBytes,
    QuotaScope,
    Refused,
    Transient,
    Wait,
)

KEY = "AIzaSyNoRealKeyButShapedLikeOne0000000"
PROMPT = "A garment nobody else may read about"


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 9), colour).save(buffer, "PNG")
    return buffer.getvalue()


def json_answer(status, value):
    return status, json.dumps(value).encode()


def picture_answer(data):
    part = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}
    return json_answer(200, {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})


class BusyServer(ThreadingHTTPServer):
    request_queue_size = 128  # the default of 5 lets the kernel reset connections that come at once


class FakeGemini:
    """Gives `answer` (status, body) to every request and remembers path, headers and body."""

    def __init__(self):
        self.answer = picture_answer(png())
        self.headers = {}
        self.requests = []
        self.released = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                fake.requests.append((self.path, dict(self.headers), body))
                if fake.answer is None:
                    fake.released.wait()
                    self.close_connection = True
                    return
                status, answer = fake.answer
                self.send_response(status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *arguments):
                """The test's output stays quiet."""

        self.server = BusyServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def gemini():
    fake = FakeGemini()
    yield fake
    fake.stop()


@pytest.fixture
def engine_of(gemini):
    engines = []

    def make(**more):
        options = {"api_key": KEY, "model": "gemini-nano-banana-2.1", "base_url": gemini.url} | more
        engines.append(GeminiEngine(**options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def request(*pictures, seed=7):
    return GenerateRequest(PROMPT, pictures, AspectRatio(16, 9), seed)


def test_pictures_are_sent_in_order_then_the_text_with_the_agreed_settings(gemini, engine_of):
    first, second = b"\xff\xfe first", b"\xfb second"
    engine_of().generate(request(PictureBytes(first, "image/png"), PictureBytes(second, "image/jpeg")))
    path, headers, body = gemini.requests[0]
    sent = json.loads(body)
    assert path == "/v1/models/gemini-nano-banana-2.1:generateContent"
    assert headers["x-goog-api-key"] == KEY
    assert KEY not in path
    assert sent["generationConfig"] == {
        "temperature": 0.45,
        "seed": 7,
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"},
    }
    assert set(sent) == {"contents", "generationConfig"}
    (content,) = sent["contents"]
    *pictures, text = content["parts"]
    assert text == {"text": PROMPT}
    blobs = [part["inlineData"] for part in pictures]
    assert [base64.urlsafe_b64decode(blob["data"]) for blob in blobs] == [first, second]


def test_the_old_model_is_not_sent_an_image_size(gemini, engine_of):
    engine_of(model="gemini-2.5-flash-image").generate(request())
    sent = json.loads(gemini.requests[0][2])
    assert sent["generationConfig"]["imageConfig"] == {"aspectRatio": "16:9"}


def test_address_and_version_can_be_a_gateways(gemini, engine_of):
    engine_of(base_url=f"{gemini.url}/gate/way/", api_version="v1beta").generate(request())
    assert gemini.requests[0][0] == "/gate/way/v1beta/models/gemini-nano-banana-2.1:generateContent"


def test_google_variables_of_the_environment_change_nothing(gemini, engine_of, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    assert isinstance(engine_of().generate(request()), Made)
    assert gemini.requests[0][1]["x-goog-api-key"] == KEY


def test_a_picture_is_made_and_costs_what_the_model_costs(gemini, engine_of):
    outcome = engine_of().generate(request())
    assert outcome == Made(PictureBytes(png(), "image/png"), 0.0336)


QUOTA_DETAILS = [
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
    },
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"},
]


def error(code, status, details=()):
    return json_answer(
        code,
        {"error": {"code": code, "status": status, "message": f"{KEY} {PROMPT}", "details": list(details)}},
    )


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (error(400, "INVALID_ARGUMENT"), Refused, "bad_request"),
        (error(400, "FAILED_PRECONDITION"), Refused, "failed_precondition"),
        (error(401, "UNAUTHENTICATED"), Refused, "key_refused"),
        (error(403, "PERMISSION_DENIED"), Refused, "permission_denied"),
        (error(404, "NOT_FOUND"), Refused, "unknown_model"),
        ((307, b""), Refused, "redirected"),
        (error(500, "INTERNAL"), Transient, "http_500"),
        ((502, b"<html>\xb0\xa1 bad gateway</html>"), Transient, "http_502"),
        (error(503, "UNAVAILABLE"), Transient, "overloaded"),
        (error(504, "DEADLINE_EXCEEDED"), Transient, "deadline_exceeded"),
        (json_answer(200, {"promptFeedback": {"blockReason": "SAFETY"}}), Refused, "prompt_blocked_safety"),
        (
            json_answer(200, {"candidates": [{"finishReason": "IMAGE_SAFETY"}]}),
            Refused,
            "blocked_image_safety",
        ),
        (json_answer(200, {"candidates": [{"finishReason": "NEW_ONE"}]}), Broken, "no_picture_new_one"),
        (
            json_answer(200, {"candidates": [{"finishReason": 17, "content": 4}]}),
            Broken,
            "no_picture_unknown",
        ),
        (json_answer(200, {}), Broken, "empty_answer"),
        ((200, b""), Broken, "unreadable_answer"),
        ((200, b"<html>hello</html>"), Broken, "unreadable_answer"),
        ((200, b"\xff\xfe\xfd"), Broken, "unreadable_answer"),
        (picture_answer(b"no picture"), Broken, "unreadable_picture"),
    ],
)
def test_every_answer_becomes_an_outcome_without_key_or_prompt(gemini, engine_of, answer, kind, code):
    gemini.answer = answer
    outcome = engine_of().generate(request())
    assert isinstance(outcome, kind)
    assert outcome.code == code
    assert KEY not in outcome.message
    assert PROMPT not in outcome.message
    assert len(gemini.requests) == 1


def test_a_429_is_waited_out_not_repeated(gemini, engine_of):
    gemini.answer = error(429, "RESOURCE_EXHAUSTED", QUOTA_DETAILS)
    assert engine_of().generate(request()) == Wait(QuotaScope.MINUTE, timedelta(seconds=53))
    gemini.answer, gemini.headers = (429, b"slow down"), {"retry-after": "4"}
    assert engine_of().generate(request()) == Wait(QuotaScope.UNKNOWN, timedelta(seconds=4))
    assert len(gemini.requests) == 2


def test_a_hanging_gemini_ends_at_the_deadline_and_the_engine_goes_on(gemini, engine_of):
    engine = engine_of(timeout_s=0.3)
    usual, gemini.answer = gemini.answer, None
    outcome = engine.generate(request())
    assert outcome == Transient("timeout", "Gemini did not answer within 0.3 s.")
    gemini.answer = usual
    assert isinstance(engine.generate(request()), Made)


def test_an_unreachable_gemini_is_transient(engine_of):
    outcome = engine_of(base_url="http://127.0.0.1:1").generate(request())
    assert outcome == Transient("unreachable", "Gemini could not be reached.")


def test_an_answer_larger_than_any_picture_is_broken_off(gemini, engine_of, monkeypatch):
    monkeypatch.setattr("quel.adapters.gemini.engine._MAX_ANSWER_BYTES", 1000)
    gemini.answer = picture_answer(b"x" * 2000)
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
    assert sorted(json.loads(body)["generationConfig"]["seed"] for _, _, body in gemini.requests) == [
        *range(48)
    ]


def test_nothing_logged_at_info_holds_key_or_prompt(gemini, engine_of, caplog):
    caplog.set_level(logging.INFO)
    gemini.answer = error(400, "INVALID_ARGUMENT")
    engine_of().generate(request())
    gemini.answer = picture_answer(png())
    engine_of().generate(request())
    assert KEY not in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (json_answer(200, {"name": "models/gemini-nano-banana-2.1"}), ModelState.OK),
        (error(429, "RESOURCE_EXHAUSTED"), ModelState.OK),
        (error(404, "NOT_FOUND"), ModelState.UNKNOWN_MODEL),
        (error(401, "UNAUTHENTICATED"), ModelState.KEY_REFUSED),
        (error(403, "PERMISSION_DENIED"), ModelState.KEY_REFUSED),
        (error(503, "UNAVAILABLE"), ModelState.UNREACHABLE),
        ((302, b""), ModelState.UNREACHABLE),
        ((200, b"<html>not Gemini</html>"), ModelState.UNREACHABLE),
    ],
)
def test_the_model_is_asked_for_without_making_an_image(gemini, engine_of, answer, state):
    gemini.answer = answer
    check = engine_of().check_model()
    assert (check.state, check.ok) == (state, state is ModelState.OK)
    assert KEY not in check.message
    assert [path for path, _, _ in gemini.requests] == ["/v1/models/gemini-nano-banana-2.1"]


def test_a_model_cannot_be_asked_for_where_nobody_listens(engine_of):
    assert engine_of(base_url="http://127.0.0.1:1").check_model().state is ModelState.UNREACHABLE


@pytest.mark.parametrize(
    "wrong", [{"api_key": ""}, {"api_key": "a\nb"}, {"api_key": "열쇠"}, {"base_url": "gemini"}]
)
def test_a_key_or_address_that_cannot_be_one_is_named(engine_of, wrong):
    with pytest.raises(SettingsError, match="GEMINI_"):
        engine_of(**wrong)
