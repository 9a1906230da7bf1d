"""Whose fault an error is, told from the provider's words; and errors found wherever they are wrapped."""

import json
from datetime import timedelta

import pytest

from quel.adapters.gemini.answer import judge_answer
from quel.adapters.gemini.error_answer import HttpAnswer, judge_error
from quel.adapters.imaging import check_readable
from quel.core.models import model_for
from quel.core.operator_fault import OperatorFault
from quel.core.outcome import Blame, Broken, QuotaScope, Refused, Stalled, Transient, Wait, blame
from tests.unit.provider_answers import answer_named, body_of_429

MODEL = model_for("gemini-nano-banana-2.1")
KEY = "AIzaSyThisIsNoRealKeyAtAll000000000000"
SECRETS = (KEY, "a prompt about my wedding")


def error(code, message, status=None, details=()):
    names = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    told = {"code": code, "message": message, "status": status or names.get(code, "UNKNOWN")}
    return {"error": told | ({"details": list(details)} if details else {})}


def detail(kind, **fields):
    return {"@type": f"type.googleapis.com/google.rpc.{kind}"} | fields


def judged(status, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome_of(HttpAnswer(status, raw))


def outcome_of(answer):
    """As the engine does."""
    if answer.is_success:
        return judge_answer(answer, MODEL, check_readable, SECRETS)
    return judge_error(answer, MODEL.id, SECRETS)


FAULTS = [
    (OperatorFault.NO_QUOTA, "Quota exceeded for metric: g.com/free_tier_requests, limit: 0, model: x"),
    (
        OperatorFault.NO_QUOTA,
        "Quota exceeded for metric: a, limit: 20\n* metric: b, limit: 0\nRetry in 3s.",
    ),
    (OperatorFault.NO_QUOTA, "The limit is 0."),
    (OperatorFault.SPENDING_CAP, "Your project has exceeded its monthly spending cap."),
    (
        OperatorFault.SPENDING_CAP,
        "Your billing account has exceeded its monthly spending cap.",
    ),
    (OperatorFault.SPENDING_CAP, "Spend limit reached for this project"),
    (OperatorFault.SPENDING_CAP, "You have reached your project's spend cap"),
    (OperatorFault.SPENDING_CAP, "The monthly budget is exhausted."),
    (OperatorFault.CREDITS_DEPLETED, "Your prepayment credits are depleted. Please go to AI Studio."),
    (OperatorFault.CREDITS_DEPLETED, "Prepaid credits have been exhausted"),
    (OperatorFault.CREDITS_DEPLETED, "Insufficient credits. Add more at the console."),
    (OperatorFault.CREDITS_DEPLETED, "Your account balance is too low"),
    (OperatorFault.CREDITS_DEPLETED, "You are out of credits"),
    (OperatorFault.BILLING_INACTIVE, "Billing is disabled for this project."),
    (OperatorFault.BILLING_INACTIVE, "The billing account is not active"),
    (OperatorFault.BILLING_INACTIVE, "Your last payment was declined"),
    (OperatorFault.BILLING_INACTIVE, "Billing account for the project is not found."),
    (OperatorFault.NO_QUOTA, "Quota exceeded for metric: x, limit: 0.0"),
]
ORDINARY = [
    "You exceeded your current quota, please check your plan and billing details.",
    "You exceeded your current quota, please check your plan and billing details. For more on this "
    "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_requests, limit: 10\nPlease retry in 34.07s.",
    "Resource has been exhausted (e.g. check quota).",
    "Quota exceeded, limit: 0.5 a second",
    "Quota exceeded, limit: 05",
    "Too many requests. To increase your limits, request a quota increase or enable billing.",
    "No capacity available for model on the server",
    "You have exhausted your capacity on this model. Your quota will reset after 5h59m59s.",
    "slow down",
    "",
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
@pytest.mark.parametrize("hint", [(), (detail("RetryInfo", retryDelay="34s"),)])
def test_a_429_that_no_waiting_mends_is_the_operators(fault, message, hint):
    assert judged(429, error(429, message, details=hint)) == Stalled(fault)


@pytest.mark.parametrize("message", ORDINARY)
def test_an_ordinary_429_waits(message):
    outcome = judged(429, error(429, message))
    assert isinstance(outcome, Wait)
    assert blame(outcome) is Blame.PROVIDER


@pytest.mark.parametrize(
    ("details", "fault"),
    [
        (
            detail("QuotaFailure", violations=[{"quotaId": "Day", "quotaValue": "0"}]),
            OperatorFault.NO_QUOTA,
        ),
        (detail("ErrorInfo", metadata={"quota_limit_value": "0"}), OperatorFault.NO_QUOTA),
        (detail("ErrorInfo", reason="BILLING_DISABLED"), OperatorFault.BILLING_INACTIVE),
        (
            detail("QuotaFailure", violations=[{"description": "Spend cap met"}]),
            OperatorFault.SPENDING_CAP,
        ),
    ],
)
def test_the_details_may_say_it_alone(details, fault):
    assert judged(429, error(429, "Resource has been exhausted.", details=[details])) == Stalled(fault)


def test_a_402_is_the_operators_whatever_it_says():
    assert judged(402, b"<html>Payment Required</html>") == Stalled(OperatorFault.BILLING_INACTIVE)
    assert judged(402, error(402, "Out of credits")) == Stalled(OperatorFault.CREDITS_DEPLETED)


UNKNOWN_NAME = "Invalid JSON payload received. Unknown name \"{}\" at 'generation_config': Cannot find field."


@pytest.mark.parametrize("name", ["responseModalities", "imageConfig", "seed"])
def test_a_field_the_service_does_not_know_is_the_operators(name):
    assert judged(400, error(400, UNKNOWN_NAME.format(name))) == Stalled(OperatorFault.REQUEST_FORMAT)
    violations = [{"field": "generation_config", "description": UNKNOWN_NAME.format(name)}]
    by_detail = error(400, "Bad request.", details=[detail("BadRequest", fieldViolations=violations)])
    assert judged(400, by_detail) == Stalled(OperatorFault.REQUEST_FORMAT)


KEY_WORDS = [
    "API key not valid. Please pass a valid API key.",
    "API key expired. Please renew the API key.",
    "API Key not found. Please pass a valid API key.",
    "Your API key was reported as leaked. Please use another API key.",
    "Invalid API key provided",
]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("message", KEY_WORDS)
def test_a_key_that_is_no_good_is_known_by_words_alone(status, message):
    outcome = judged(status, error(status, message))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account) == ("key_refused", True)
    assert blame(outcome) is Blame.OPERATOR


def test_a_place_that_is_not_served_is_not_blamed_on_billing():
    message = judged(400, error(400, "User location is not supported.", "FAILED_PRECONDITION")).message
    assert "billing" not in message
    assert "another" in message


@pytest.mark.parametrize(
    ("status", "body", "whose"),
    [
        (400, error(400, "Request contains an invalid argument."), Blame.CUSTOMER),
        (200, {"promptFeedback": {"blockReason": "SAFETY"}}, Blame.CUSTOMER),
        (413, b"", Blame.CUSTOMER),
        (200, {"candidates": [{"finishReason": "NO_IMAGE"}]}, Blame.PICTURE),
        (200, b"<html>", Blame.PICTURE),
        (429, b"", Blame.PROVIDER),
        (500, b"", Blame.PROVIDER),
        (503, error(503, "Overloaded"), Blame.PROVIDER),
        (401, b"", Blame.OPERATOR),
        (403, b"", Blame.OPERATOR),
        (404, b"", Blame.OPERATOR),
        (302, b"", Blame.OPERATOR),
        (402, b"", Blame.OPERATOR),
        (400, error(400, UNKNOWN_NAME.format("x")), Blame.OPERATOR),
        (429, error(429, FAULTS[3][1]), Blame.OPERATOR),
    ],
)
def test_every_answer_is_somebodys(status, body, whose):
    assert blame(judged(status, body)) is whose


def nested(inner, times=1, code=400):
    for _ in range(times):
        inner = {"error": {"message": json.dumps(inner), "code": code, "status": "Bad Request"}}
    return inner


WRAPPINGS = {
    "text in an error": nested,
    "twice": lambda inner: nested(inner, 2),
    "with words before": lambda inner: {
        "error": {"message": f"Error from provider (429): {json.dumps(inner)}\nError: again", "code": "bad"}
    },
    "text in a text": lambda inner: {"error": {"message": json.dumps(json.dumps(inner)), "code": 400}},
    "an object": lambda inner: {"error": {"message": "Bad", "code": 400, "upstreamResponse": inner}},
    "a list": lambda inner: {"error": {"message": json.dumps([inner]), "code": 400}},
    "raw": lambda inner: {"error": {"message": "Provider error", "metadata": {}, "raw": json.dumps(inner)}},
}
INNER = [
    error(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
    error(400, KEY_WORDS[0]),
    error(429, FAULTS[3][1]),
    error(503, "The model is overloaded."),
    error(
        429,
        "You exceeded your current quota.",
        details=[
            detail("QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerDayPerProject"}]),
            detail("RetryInfo", retryDelay="33s"),
        ],
    ),
]


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: inner["error"]["message"][:20])
@pytest.mark.parametrize("wrapping", sorted(WRAPPINGS))
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_error_within_an_error_is_read_for_what_it_is(inner, wrapping, status):
    plain = judged(inner["error"]["code"], inner)
    assert judged(status, WRAPPINGS[wrapping](inner)) == plain


def test_a_days_quota_within_an_error_keeps_its_scope_and_delay():
    assert judged(400, nested(INNER[-1])) == Wait(QuotaScope.DAY, timedelta(seconds=33))


def test_the_depth_that_is_looked_into_is_bounded():
    outcome = judged(400, nested(INNER[2], times=8))
    assert isinstance(outcome, Refused)
    assert "{" not in outcome.message


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: inner["error"]["message"][:20])
@pytest.mark.parametrize("frame", ["[{}]", "data: {}\n\n", "\ufeff{}"])
def test_an_error_inside_a_200_is_read_for_what_it_is(inner, frame):
    raw = json.dumps(inner).encode()
    plain = judged(inner["error"]["code"], raw)
    assert judged(200, raw) == plain
    assert judged(200, frame.replace("{}", raw.decode()).encode()) == plain


def test_an_error_inside_a_200_without_a_code_is_worth_three_calls():
    for told in ("busy", {"message": "busy"}, {"code": 7, "message": "busy"}):
        assert judged(200, {"error": told}) == Broken(
            "error_in_answer", "Gemini's answer was an error without a known code."
        )


def test_a_status_name_stands_for_a_missing_number():
    assert isinstance(judged(200, {"error": {"status": "UNAVAILABLE"}}), Transient)
    assert isinstance(judged(200, {"error": {"status": "RESOURCE_EXHAUSTED"}}), Wait)


@pytest.mark.parametrize(
    "message",
    [
        '{"error": {"code": 400, "message": "x"',
        "Upstream said: {'error': {'code': 400}}",
        "<!DOCTYPE html><html><body>Bad Request</body></html>",
        "nginx <h1>400</h1>",
        '[{"a": 1}]',
        f"key {KEY} of a prompt about my wedding",
    ],
)
def test_the_customer_sees_no_markup_and_no_secret(message):
    said = judged(400, error(400, message)).message
    assert not set("{}<>") & set(said)
    assert KEY not in said
    assert "wedding" not in said


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500])
def test_a_page_of_a_gateway_is_never_quoted(status):
    outcome = judged(status, b"<html><title>oops</title>secret</html>")
    assert "oops" not in repr(outcome)


def test_a_503_and_its_kin_keep_the_word_on_when_to_come_back():
    told = error(503, "Overloaded", details=[detail("RetryInfo", retryDelay="60s")])
    assert judged(503, told).retry_after == timedelta(seconds=60)
    assert judged(200, told).retry_after == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("limit_0", Stalled(OperatorFault.NO_QUOTA)),
        ("spending_cap", Stalled(OperatorFault.SPENDING_CAP)),
        ("retry_in_message_only", Wait(QuotaScope.UNKNOWN, timedelta(seconds=34.074824))),
    ],
)
def test_a_429_as_it_was_seen(name, expected):
    assert judged(429, body_of_429(name)) == expected


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("e200_503", Transient, "overloaded"),
        ("e400_key_no_details", Refused, "key_refused"),
        ("e400_nested_string", Refused, "failed_precondition"),
    ],
)
def test_an_error_as_it_was_seen(name, kind, code):
    outcome = outcome_of(answer_named(name))
    assert isinstance(outcome, kind)
    assert outcome.code == code
