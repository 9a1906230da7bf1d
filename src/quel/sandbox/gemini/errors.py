"""The provider's error bodies: `{"error": {code, message, status, details}}`, as Google's APIs write them."""

import json
from collections.abc import Sequence
from typing import Any

TYPE_PREFIX = "type.googleapis.com/google.rpc."
SERVICE = "generativelanguage.googleapis.com"
QUOTA_METRIC = f"{SERVICE}/generate_content_requests"

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNKNOWN",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(code: int, message: str, *details: dict[str, Any], status: str | None = None) -> str:
    """One error as JSON. `status` is what the code usually means where it is not given."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status or STATUS_NAMES[code]}
    if details:
        error["details"] = list(details)
    return json.dumps({"error": error})


def api_key_invalid() -> str:
    """A key nobody issued: a 400, recognised by its reason alone."""
    reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": SERVICE}}
    return error_body(400, "API key not valid. Please pass a valid API key.", detail("ErrorInfo", **reason))


def invalid_argument(message: str, violations: Sequence[dict[str, str]] = ()) -> str:
    """A request that is wrong, perhaps in fields that `violations` name."""
    details = [detail("BadRequest", fieldViolations=list(violations))] if violations else []
    return error_body(400, message, *details)


def unknown_model(model: str) -> str:
    """A model that never was, or is no more."""
    return error_body(404, f"models/{model} is not found, or is not supported for generateContent.")


def quota_exceeded(period: str, limit: int, retry_delay: str | None) -> str:
    """A 429 that says which limit it was ("Minute" or "Day") and perhaps when to come back ("53s")."""
    violation = {
        "quotaMetric": QUOTA_METRIC,
        "quotaId": f"GenerateRequestsPer{period}PerProjectPerModel",
        "quotaValue": str(limit),
    }
    details = [detail("QuotaFailure", violations=[violation])]
    if retry_delay:
        details.append(detail("RetryInfo", retryDelay=retry_delay))
    return error_body(429, "You exceeded your current quota, please check your plan.", *details)


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    """One entry of an error's details."""
    return {"@type": TYPE_PREFIX + kind, **fields}
