"""How an error answer of Gemini is read: what to retry, what to wait for, what to give up on."""

import json
from datetime import timedelta

import pytest

from quel.adapters.gemini.error_answer import HttpAnswer, is_googles, judge_error
from quel.core.outcome import QuotaScope, Refused, Transient, Wait

MODEL_ID = "gemini-nano-banana-2.1"
KEY = "AIzaSyThisIsNoRealKeyAtAll000000000000"


def error_body(code, status, message="Something.", details=()):
    body = {"error": {"code": code, "status": status, "message": message, "details": list(details)}}
    return json.dumps(body).encode()


def detail(kind, **fields):
    return {"@type": f"type.googleapis.com/google.rpc.{kind}"} | fields


def judged(status, body=b"", retry_after=None, secrets=(KEY, "a prompt about my wedding")):
    return judge_error(HttpAnswer(status, body, retry_after), MODEL_ID, secrets)


@pytest.mark.parametrize(
    ("status", "body", "code", "account"),
    [
        (400, error_body(400, "INVALID_ARGUMENT"), "bad_request", False),
        (400, b"<html>no</html>", "bad_request", False),
        (400, error_body(400, "FAILED_PRECONDITION"), "failed_precondition", True),
        (
            400,
            error_body(400, "INVALID_ARGUMENT", details=[detail("ErrorInfo", reason="API_KEY_INVALID")]),
            "key_refused",
            True,
        ),
        (401, error_body(401, "UNAUTHENTICATED"), "key_refused", True),
        (403, error_body(403, "PERMISSION_DENIED"), "permission_denied", True),
        (
            403,
            error_body(
                403, "PERMISSION_DENIED", details=[detail("ErrorInfo", reason="API_KEY_SERVICE_BLOCKED")]
            ),
            "key_refused",
            True,
        ),
        (404, error_body(404, "NOT_FOUND"), "unknown_model", True),
        (404, b"", "unknown_model", True),
        (413, b"too large", "http_413", False),
        (418, b"", "http_418", False),
        (302, b"", "redirected", True),
        (407, b"<html>Proxy Authentication Required</html>", "http_407", True),
        (451, b"", "http_451", True),
    ],
)
def test_what_a_retry_cannot_mend_is_refused(status, body, code, account):
    outcome = judged(status, body)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account) == (code, account)
    assert outcome.message.endswith((".", "…"))


@pytest.mark.parametrize(
    "body",
    [
        b"Too many calls, retry in 12s.\n",
        b'{"message": "Too many calls, retry in 12s."}',
        b'{"detail": "Too many calls, retry in 12s."}',
        b'{"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Too many calls, retry in 12s."}',
        b'{"success": false, "errors": [{"code": 2003, "message": "Too many calls, retry in 12s."}]}',
        b'{"response": {"error": {"code": 429, "message": "Too many calls, retry in 12s."}}}',
        b'data: {"error": {"code": 429, "message": "Too many calls, retry in 12s."}}\n\n',
    ],
)
def test_what_a_gateway_says_in_its_own_shape_is_heard(body):
    outcome = judged(429, body)
    assert outcome == Wait(QuotaScope.UNKNOWN, timedelta(seconds=12))
    assert outcome.said == "Too many calls, retry in 12s."


@pytest.mark.parametrize(
    ("body", "is_googles_own"),
    [
        (error_body(404, "NOT_FOUND"), True),
        (b'{"code": 404, "message": "no route"}', False),
        (b'{"message": "no Route matched with those values"}', False),
        (b"404 page not found", False),
        (b"<html>404</html>", False),
    ],
)
def test_a_gateway_that_does_not_route_a_question_is_not_taken_for_google(body, is_googles_own):
    assert is_googles(HttpAnswer(404, body)) is is_googles_own


def test_an_error_that_stands_bare_in_a_success_is_read_for_what_it_is():
    body = b'{"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}'
    assert isinstance(judged(200, body), Transient)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((500, "http_500"), (502, "http_502"), (503, "overloaded"), (504, "deadline_exceeded")),
        *((529, "http_529"), (599, "http_599"), (408, "http_408"), (499, "http_499")),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>\xc0\xaf</html>", error_body(500, "INTERNAL")])
def test_what_a_retry_may_mend_is_transient(status, code, body):
    outcome = judged(status, body)
    assert isinstance(outcome, Transient)
    assert outcome.code == code
    assert outcome.overloaded is (status == 503)


PER_MINUTE = detail(
    "QuotaFailure",
    violations=[{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "10"}],
)
PER_DAY = detail(
    "QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]
)


@pytest.mark.parametrize(
    ("details", "scope", "seconds"),
    [
        ([PER_MINUTE, detail("RetryInfo", retryDelay="53s")], QuotaScope.MINUTE, 53),
        ([detail("RetryInfo", retryDelay="3.5s")], QuotaScope.UNKNOWN, 3.5),
        ([PER_DAY], QuotaScope.DAY, None),
        ([PER_MINUTE, PER_DAY, detail("RetryInfo", retryDelay="0s")], QuotaScope.DAY, 0),
        ([], QuotaScope.UNKNOWN, None),
        ([detail("RetryInfo", retryDelay="soon")], QuotaScope.UNKNOWN, None),
        ([detail("RetryInfo", retryDelay="-5s")], QuotaScope.UNKNOWN, None),
        ([detail("RetryInfo", retryDelay={"seconds": 5})], QuotaScope.UNKNOWN, 5),
        ([detail("RetryInfo", retryDelay="999999999999s")], QuotaScope.UNKNOWN, 48 * 3600),
        ([detail("QuotaFailure", violations="many"), 7, None], QuotaScope.UNKNOWN, None),
    ],
)
def test_a_429_waits_as_long_as_the_provider_says(details, scope, seconds):
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert judged(429, error_body(429, "RESOURCE_EXHAUSTED", details=details)) == Wait(scope, wanted)


def test_a_429_of_a_gateway_may_name_the_delay_in_its_header():
    assert judged(429, b"slow down", retry_after="7") == Wait(QuotaScope.UNKNOWN, timedelta(seconds=7))
    assert judged(429, b"", retry_after="Wed, 21 Oct 2026 07:28:00 GMT") == Wait(QuotaScope.UNKNOWN, None)


def test_an_unknown_model_is_named_and_so_is_the_setting():
    message = judged(404).message
    assert MODEL_ID in message
    assert "GEMINI_MODEL" in message


def test_the_providers_words_on_a_bad_request_are_passed_on_short():
    message = judged(
        400, error_body(400, "INVALID_ARGUMENT", "Aspect ratio 7:3 is not supported. " * 40)
    ).message
    assert "Aspect ratio 7:3 is not supported." in message
    assert len(message) < 300


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_neither_key_nor_prompt_shows_up_in_a_message(status):
    said = f"Consumer 'api_key:{KEY}' sent \"a prompt about my wedding\" and a prompt about my wedding."
    for error_status in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
        message = judged(status, error_body(status, error_status, said)).message
        assert KEY not in message
        assert "wedding" not in message


def test_an_error_in_a_list_is_read_too():
    body = b"[" + error_body(400, "FAILED_PRECONDITION") + b"]"
    assert judged(400, body).code == "failed_precondition"


@pytest.mark.parametrize(
    "body", [b"[]", b"3", b'{"error": "text"}', b'{"error": {"details": 4, "message": 5}}']
)
def test_a_body_of_any_shape_is_survived(body):
    assert judged(400, body).code == "bad_request"
    assert judged(429, body) == Wait(QuotaScope.UNKNOWN, None)
