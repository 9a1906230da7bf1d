"""Every documented way in which Gemini answers otherwise than with one picture.

Delivery faults that any server knows (slow, cut, hanging, endless …) are in `quel.sandbox.faults`. Each may
be limited to an operation: "generate", or "describe" (asking for a model).
"""

import json
from enum import StrEnum
from typing import Any

from quel.sandbox.faults import Fault, gateway_page
from quel.sandbox.gemini.bad_takes import BadTake
from quel.sandbox.gemini.errors import api_key_invalid, detail, error_body, quota_exceeded, unknown_model

PERMANENT_FINISH_REASONS = (
    "SAFETY",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "RECITATION",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
)
PASSING_FINISH_REASONS = ("NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE")
ACCOUNT_FINISH_REASONS = ("PUP_LIMITED_DISABLED",)


class Shape(StrEnum):
    """What only the simulator can do to an answer, because it needs the picture it drew."""

    JPEG = "jpeg"
    TEXT_FIRST = "text_first"
    SEVERAL = "several"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"


def quota_minute(retry_delay: str = "53s", limit: int = 10) -> Fault:
    """429: the limit a minute, with the provider's own word on when to come back."""
    return _error("quota_minute", 429, quota_exceeded("Minute", limit, retry_delay))


def quota_day(limit: int = 1000) -> Fault:
    """429: the limit a day, which ends at midnight Pacific."""
    return _error("quota_day", 429, quota_exceeded("Day", limit, None))


def quota_bare() -> Fault:
    """429 without any detail."""
    return _error("quota_bare", 429, error_body(429, "Resource has been exhausted (e.g. check quota)."))


def no_quota() -> Fault:
    """429 with a limit of 0: the project's plan has no calls of this model."""
    message = (
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for "
        "metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0"
    )
    return _error("no_quota", 429, error_body(429, message, detail("RetryInfo", retryDelay="1s")))


def spending_cap() -> Fault:
    """429: the project has spent what its owner allows a month."""
    message = "Your project has exceeded its monthly spending cap."
    return _error("spending_cap", 429, error_body(429, message))


def credits_depleted() -> Fault:
    """429: nothing is left of what was paid in advance."""
    return _error("credits_depleted", 429, error_body(429, "Your prepayment credits are depleted."))


def billing_inactive() -> Fault:
    """402, as gateways say it: somebody has to pay first."""
    return gateway_page(402)


def unknown_field(name: str = "responseModalities") -> Fault:
    """400: the service has no field of this name."""
    message = (
        f"Invalid JSON payload received. Unknown name \"{name}\" at 'generation_config': Cannot find field."
    )
    return _error("unknown_field", 400, error_body(400, message))


def server_error(code: int = 500) -> Fault:
    """500, 502, 503 (overloaded, the common one) or 504."""
    return _error(
        f"server_error_{code}", code, error_body(code, "The model is overloaded. Please try again later.")
    )


def invalid_argument() -> Fault:
    """400: the request is wrong and stays wrong."""
    return _error("invalid_argument", 400, error_body(400, "Request contains an invalid argument."))


def api_key_rejected() -> Fault:
    """400 with the reason API_KEY_INVALID."""
    return _error("api_key_rejected", 400, api_key_invalid())


def failed_precondition() -> Fault:
    """400 FAILED_PRECONDITION: the account cannot use the service from here, or without billing."""
    message = "User location is not supported for the API use."
    return _error("failed_precondition", 400, error_body(400, message, status="FAILED_PRECONDITION"))


def unauthenticated() -> Fault:
    """401: credentials are missing or of the wrong kind."""
    return _error("unauthenticated", 401, error_body(401, "Request had invalid authentication credentials."))


def permission_denied() -> Fault:
    """403: the key is real but not allowed to do this."""
    return _error("permission_denied", 403, error_body(403, "The caller does not have permission."))


def retired_model() -> Fault:
    """404: the model is gone."""
    return _error("retired_model", 404, unknown_model("retired"))


def blocked_prompt(reason: str = "SAFETY") -> Fault:
    """200 without candidates, only the reason why the prompt was blocked."""
    return _answer("blocked_prompt", {"promptFeedback": {"blockReason": reason}})


def finished_for(reason: str) -> Fault:
    """200 with a candidate that has a finishReason and no parts."""
    return _answer(f"finished_for_{reason.lower()}", {"candidates": [{"finishReason": reason, "index": 0}]})


def stopped_without_picture() -> Fault:
    """200, STOP, and nothing in it."""
    return _candidate("stopped_without_picture", [])


def text_only() -> Fault:
    """200, STOP, and words where the picture should be."""
    return _candidate("text_only", [{"text": "I can describe the picture, but I have not drawn it."}])


def invalid_json() -> Fault:
    """200 with a body that is no JSON."""
    return Fault("invalid_json", status=200, body='{"candidates": [{"content": {"parts": [')


def jpeg_picture() -> Fault:
    """A good picture, as JPEG."""
    return Fault("jpeg_picture", shape=Shape.JPEG)


def text_before_picture() -> Fault:
    """A good picture that is not the first part."""
    return Fault("text_before_picture", shape=Shape.TEXT_FIRST)


def several_pictures() -> Fault:
    """Three pictures: a thought, a draft, and then the one that counts."""
    return Fault("several_pictures", shape=Shape.SEVERAL)


def garbage_picture() -> Fault:
    """Bytes that call themselves PNG and are nothing."""
    return Fault("garbage_picture", shape=Shape.GARBAGE)


def truncated_picture() -> Fault:
    """The first half of a PNG."""
    return Fault("truncated_picture", shape=Shape.TRUNCATED)


def bad_take(kind: BadTake | str) -> Fault:
    """A picture that can be read and that no studio would keep: blank, cut off, an echo, a collage …"""
    return Fault(f"bad_take_{BadTake(kind)}", shape=BadTake(kind))


def _error(name: str, status: int, body: str) -> Fault:
    return Fault(name, status=status, body=body)


def _candidate(name: str, parts: list[dict[str, Any]]) -> Fault:
    content = {"role": "model", "parts": parts}
    return _answer(name, {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]})


def _answer(name: str, body: dict[str, Any]) -> Fault:
    return Fault(name, status=200, body=json.dumps(body))
