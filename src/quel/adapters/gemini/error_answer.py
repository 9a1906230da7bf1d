"""Reads an answer of Gemini that is not 200: by its status, and by Google's error body where there is one.

Pure. `{"error": {"code", "message", "status", "details"}}` is google.rpc.Status; `details` may carry
ErrorInfo, QuotaFailure and RetryInfo. A gateway in front may answer with anything, even an HTML page.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from quel.adapters.gemini.provider_words import provider_words
from quel.core.outcome import Outcome, QuotaScope, Refused, Transient, Wait

_LONGEST_WAIT_S = 48 * 3600.0  # a daily quota never needs more; anything beyond is a mistake of the sender


@dataclass(frozen=True)
class HttpAnswer:
    """The parts of an HTTP answer a verdict needs. `body` may quote the request: read it, never keep it."""

    status: int
    body: bytes
    retry_after: str | None = None  # the header, as it came


def judge_error(answer: HttpAnswer, model_id: str, secrets: tuple[str, ...] = ()) -> Outcome:
    """What an error answer comes to; `secrets` (API key, prompt) never show up in the message."""
    status = answer.status
    if status == 429:
        return _wait(_error_of(answer.body), answer.retry_after)
    if status >= 500:
        return _server_error(status)
    if status in (408, 425, 499):
        return Transient(f"http_{status}", "Gemini broke the call off.")
    if status < 400:
        return Refused(
            "redirected",
            f"Gemini's address answers with {status} instead of a result; an operator must check "
            "GEMINI_BASE_URL and GEMINI_API_VERSION.",
            account=True,
        )
    return _client_error(status, _error_of(answer.body), model_id, secrets)


def _server_error(status: int) -> Transient:
    match status:
        case 503:
            return Transient("overloaded", "Gemini is overloaded (503).", overloaded=True)
        case 504:
            return Transient("deadline_exceeded", "Gemini did not finish in its own time (504).")
        case _:
            return Transient(f"http_{status}", f"Gemini had an internal error ({status}).")


def _client_error(status: int, error: dict[str, Any], model_id: str, secrets: tuple[str, ...]) -> Refused:
    match status:
        case 400:
            return _bad_request(error, secrets)
        case 401:
            return _KEY_REFUSED
        case 403:
            return _forbidden(error)
        case 404:
            return Refused(
                "unknown_model",
                f"Gemini does not know the model {model_id}; an operator must set GEMINI_MODEL to a current "
                "one, or correct GEMINI_BASE_URL.",
                account=True,
            )
        case _:
            return Refused(f"http_{status}", f"Gemini does not accept the request ({status}).")


_KEY_REFUSED = Refused(
    "key_refused", "Gemini refused quel's API key; an operator must renew GEMINI_API_KEY.", account=True
)


def _bad_request(error: dict[str, Any], secrets: tuple[str, ...]) -> Refused:
    if _reason(error).startswith("API_KEY_"):
        return _KEY_REFUSED
    words = provider_words(error.get("message"), secrets)
    said = f" It said: {words}" if words else ""
    if error.get("status") == "FAILED_PRECONDITION":
        return Refused(
            "failed_precondition",
            f"Gemini cannot be used from this account or place; an operator must check its billing.{said}",
            account=True,
        )
    return Refused("bad_request", f"Gemini does not accept the request (400).{said}")


def _forbidden(error: dict[str, Any]) -> Refused:
    # The provider's own message is left out: for a suspended project it quotes the API key.
    reason = _reason(error)
    if reason.startswith("API_KEY_"):
        return _KEY_REFUSED
    return Refused(
        "permission_denied",
        f"Gemini denies quel's account access ({reason or 403}); an operator must check key and project.",
        account=True,
    )


def _wait(error: dict[str, Any], retry_after_header: str | None) -> Wait:
    quota_ids = " ".join(
        f"{violation.get('quotaId')} {violation.get('quotaMetric')}"
        for detail in _details(error, "QuotaFailure")
        for violation in _dicts(detail.get("violations"))
    )
    scope = QuotaScope.UNKNOWN
    if re.search(r"per_?day", quota_ids, re.IGNORECASE):
        scope = QuotaScope.DAY  # of two exhausted limits the day's is the one to wait for
    elif re.search(r"per_?minute", quota_ids, re.IGNORECASE):
        scope = QuotaScope.MINUTE
    delays = [_duration(detail.get("retryDelay")) for detail in _details(error, "RetryInfo")]
    return Wait(scope, next((delay for delay in delays if delay is not None), _duration(retry_after_header)))


def _duration(raw: object) -> timedelta | None:
    """A protobuf duration ("53s", "3.5s") or a Retry-After in seconds; None for anything else."""
    found = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,9})?)s?\s*", raw) if isinstance(raw, str) else None
    if found is None:
        return None
    seconds = float(found[1])
    return timedelta(seconds=min(seconds, _LONGEST_WAIT_S)) if math.isfinite(seconds) else None


def _error_of(body: bytes) -> dict[str, Any]:
    """The `error` object, also out of a list of one, as some endpoints send it; {} where there is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else {}


def _reason(error: dict[str, Any]) -> str:
    """ErrorInfo.reason, a constant like API_KEY_INVALID; "" where there is none."""
    for detail in _details(error, "ErrorInfo"):
        reason = detail.get("reason")
        if isinstance(reason, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{1,62}", reason):
            return reason
    return ""


def _details(error: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for detail in _dicts(error.get("details")):
        if str(detail.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield detail


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))
