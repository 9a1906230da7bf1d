"""Reads an error of Gemini: by its status, and by Google's error body where there is one.

Pure. `{"error": {"code", "message", "status", "details"}}` is google.rpc.Status; `details` may carry
ErrorInfo, QuotaFailure and RetryInfo. It may come inside a 200, or written as text into a gateway's own
error, whose status then counts for nothing; and a gateway may answer with anything, even an HTML page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from quel.adapters.gemini.operator_words import tells_of_key, told_fault
from quel.adapters.gemini.provider_words import provider_words
from quel.adapters.gemini.retry_hint import retry_hint
from quel.adapters.gemini.wire import dicts, error_in, objects_in
from quel.core.outcome import Broken, Outcome, QuotaScope, Refused, Stalled, Transient, Wait

_STATUS_NAMES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

_OF_WHAT_STANDS_IN_FRONT = frozenset({405, 406, 407, 410, 421, 426, 451})  # none is one of Gemini's
_LONGEST_WORDS = 2_000  # bytes of an answer that is no JSON


@dataclass(frozen=True)
class HttpAnswer:
    """The parts of an HTTP answer a verdict needs. `body` may quote the request: read it, never keep it.

    `retry_after` is the header as it came, `answered_at` when the answer was written.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    answered_at: datetime | None = field(default=None, compare=False)

    @property
    def is_success(self) -> bool:
        """Whether it calls itself one; a picture is another matter."""
        return 200 <= self.status < 300


def judge_error(answer: HttpAnswer, model_id: str, secrets: tuple[str, ...] = ()) -> Outcome:
    """What an error answer comes to; `secrets` (API key, prompt) never show up in the message."""
    error, nested = _told(answer.body) or ({}, False)
    status = _own_status(error) if nested or answer.is_success else None
    return _judge(status or answer.status, error, answer, model_id, secrets)


def is_googles(answer: HttpAnswer) -> bool:
    """Whether an error has Google's shape: else a gateway speaks for itself."""
    try:
        objects = [each for each in objects_in(answer.body) if "error" in each]
    except ValueError:
        return False
    told = error_in(tuple(objects))
    return told is not None and _own_status(told[0]) is not None


def _told(body: bytes) -> tuple[dict[str, Any], bool] | None:
    """The error as `error_in` tells it; words that are neither JSON nor a page are an error's message."""
    try:
        return error_in(objects_in(body))
    except ValueError:
        words = body[:_LONGEST_WORDS].decode(errors="replace")
        return ({"message": words}, False) if words.strip() and "<" not in words else None


def _own_status(error: dict[str, Any]) -> int | None:
    """The HTTP status that the error itself names, by number or by Google's name for it."""
    code = error.get("code")
    if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code):
        code = int(code)
    if isinstance(code, int) and 400 <= code <= 599:
        return code
    return _STATUS_NAMES.get(str(error.get("status")))


def _judge(
    status: int, error: dict[str, Any], answer: HttpAnswer, model_id: str, secrets: tuple[str, ...]
) -> Outcome:
    words = provider_words(error.get("message"), secrets)
    fault = told_fault(status, error)
    if fault is not None:
        return Stalled(fault, words)
    hint = retry_hint(error, answer.retry_after, answer.answered_at)
    if status == 429:
        return Wait(_scope(error), hint, words)
    if status >= 500 or status in (408, 425, 499):
        return _passing(status, hint)
    if status >= 400:
        return _refused(status, error, model_id, words)
    if answer.is_success:
        return Broken("error_in_answer", "Gemini's answer was an error without a known code.")
    return Refused(
        "redirected",
        f"Gemini's address answers with {status} instead of a result; an operator must check "
        "GEMINI_BASE_URL and GEMINI_API_VERSION.",
        account=True,
    )


def _passing(status: int, hint: timedelta | None) -> Transient:
    match status:
        case 503:
            return Transient("overloaded", "Gemini is overloaded (503).", overloaded=True, retry_after=hint)
        case 504:
            message = "Gemini did not finish in its own time (504)."
            return Transient("deadline_exceeded", message, retry_after=hint)
        case 408 | 425 | 499:
            return Transient(f"http_{status}", "Gemini broke the call off.", retry_after=hint)
        case _:
            message = f"Gemini had an internal error ({status})."
            return Transient(f"http_{status}", message, retry_after=hint)


def _refused(status: int, error: dict[str, Any], model_id: str, words: str) -> Refused:
    match status:
        case 400:
            return _bad_request(error, words)
        case 401:
            return _KEY_REFUSED
        case 403:
            return _forbidden(error)
        case 404:
            return _unknown_model(model_id, named=_own_status(error) is not None)
        case _:
            return _refused_otherwise(status)


def _refused_otherwise(status: int) -> Refused:
    is_in_front = status in _OF_WHAT_STANDS_IN_FRONT
    said = f"Gemini does not accept the request ({status})."
    if is_in_front:
        said = f"Something in front of Gemini refuses the request ({status}); an operator must look at it."
    return Refused(f"http_{status}", said, account=is_in_front)


_KEY_REFUSED = Refused(
    "key_refused", "Gemini refused quel's API key; an operator must renew GEMINI_API_KEY.", account=True
)


def _unknown_model(model_id: str, *, named: bool) -> Refused:
    """`named`: Google itself says so; else something in front of it may not know the address."""
    said = (
        f"Gemini does not know the model {model_id}; an operator must set GEMINI_MODEL to a current one."
        if named
        else f"Nothing answers for the model {model_id} at Gemini's address (404); an operator must check "
        "GEMINI_BASE_URL, GEMINI_API_VERSION and GEMINI_MODEL."
    )
    return Refused("unknown_model", said, account=True)


def _bad_request(error: dict[str, Any], words: str) -> Refused:
    if _reason(error).startswith("API_KEY_") or tells_of_key(error):
        return _KEY_REFUSED
    said = f" It said: {words}" if words else ""
    if error.get("status") == "FAILED_PRECONDITION":
        place = re.search(r"\b(location|country|region)\b", str(error.get("message")), re.IGNORECASE)
        cause = (
            "Gemini does not serve the place it is called from; an operator must call it from another."
            if place
            else "Gemini cannot be used from this account; an operator must check its billing."
        )
        return Refused("failed_precondition", f"{cause}{said}", account=True)
    return Refused("bad_request", f"Gemini does not accept the request (400).{said}")


def _forbidden(error: dict[str, Any]) -> Refused:
    # The provider's own message is left out: for a suspended project it quotes the API key.
    reason = _reason(error)
    if reason.startswith("API_KEY_") or tells_of_key(error):
        return _KEY_REFUSED
    return Refused(
        "permission_denied",
        f"Gemini denies quel's account access ({reason or 403}); an operator must check key and project.",
        account=True,
    )


def _scope(error: dict[str, Any]) -> QuotaScope:
    quota_ids = " ".join(
        f"{violation.get('quotaId')} {violation.get('quotaMetric')}"
        for detail in _details(error, "QuotaFailure")
        for violation in dicts(detail.get("violations"))
    )
    if re.search(r"per_?day", quota_ids, re.IGNORECASE):
        return QuotaScope.DAY  # of two exhausted limits the day's is the one to wait for
    if re.search(r"per_?minute", quota_ids, re.IGNORECASE):
        return QuotaScope.MINUTE
    return QuotaScope.UNKNOWN


def _reason(error: dict[str, Any]) -> str:
    """ErrorInfo.reason, a constant like API_KEY_INVALID; "" where there is none."""
    for detail in _details(error, "ErrorInfo"):
        reason = detail.get("reason")
        if isinstance(reason, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{1,62}", reason):
            return reason
    return ""


def _details(error: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for detail in dicts(error.get("details")):
        if str(detail.get("@type", "")).endswith(f"google.rpc.{kind}"):
            yield detail
