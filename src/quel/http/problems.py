"""What goes wrong as the caller reads it: RFC 9457, one table from quel's errors to status and code.

No answer holds a traceback, SQL, a key or a prompt: only the sentences of quel's own errors are told.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import HTTPException, RequestValidationError
from starlette.exceptions import HTTPException as StarletteException
from starlette.requests import Request
from starlette.responses import JSONResponse

from quel.core import errors

MEDIA_TYPE = "application/problem+json"

_STATUSES: tuple[tuple[type[errors.QuelError], int], ...] = (  # the first that fits holds
    (errors.NotFound, 404),
    (errors.Forbidden, 403),
    (errors.Unpayable, 402),
    (errors.InvalidInput, 400),
    (errors.Declined, 409),
    (errors.QuestionTooLong, 504),
    (errors.ServiceUnavailable, 503),
    (errors.StorageRefused, 502),
    (errors.QuelError, 500),
)
_TITLES = {
    400: "The request cannot be understood",
    401: "No valid token",
    402: "It cannot be paid for",
    403: "Not allowed",
    404: "Not found",
    405: "Not with this method",
    406: "Not in this form",
    408: "The request came too slowly",
    409: "The state does not allow it",
    413: "The body is too large",
    415: "Not a body of this kind",
    422: "What was given cannot be used",
    429: "Too many requests",
    500: "Something is wrong here",
    501: "Not built yet",
    502: "A neighbour refuses",
    503: "Cannot answer now",
    504: "It took too long",
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_input",
    429: "too_many_requests",
    501: "not_implemented",
}
_RETRY_AFTER_S = {429: 1, 503: 5}
_UNKNOWN = "Something went wrong that was not foreseen; the log has it under the request's id."


class Problem(HTTPException):
    """An answer that is not what was asked for: status, code (`urn:quel:problem:CODE`) and a sentence.

    `errors` name single places: {pointer, detail} in a body, {parameter, detail} elsewhere.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        retry = {"Retry-After": str(_RETRY_AFTER_S[status])} if status in _RETRY_AFTER_S else {}
        super().__init__(status, detail, retry | dict(headers or {}))
        self.code = (code or _CODES.get(status, "internal")).replace("_", "-")
        self.errors = errors


def unforeseen() -> Problem:
    """What is told of an error that is none of quel's."""
    return Problem(500, _UNKNOWN)


def problem_of(error: Exception) -> Problem:
    """What a caller is told of an error."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error.errors())
        case StarletteException():
            return Problem(error.status_code, _sentence(error), headers=error.headers)
        case errors.QuelError():
            status = next(status for kind, status in _STATUSES if isinstance(error, kind))
            return Problem(status, str(error), code=error.code)
        case _:
            return unforeseen()


def _sentence(error: StarletteException) -> str:
    sentences = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    return sentences.get(error.status_code, error.detail)


def _invalid(found: Iterable[Mapping[str, Any]]) -> Problem:
    """A body that does not fit is 422, anything else that was given is 400."""
    problems, in_body = [], True
    for each in found:
        place, *rest = each["loc"]
        detail = str(each["msg"]).removeprefix("Value error, ")
        if place == "body":
            problems.append({"pointer": "".join(f"/{part}" for part in rest), "detail": f"{detail}."})
        else:
            in_body = False
            problems.append({"parameter": ".".join(str(part) for part in rest), "detail": f"{detail}."})
    where = "; ".join(
        f"{p.get('parameter') or p.get('pointer') or 'the body'}: {p['detail']}" for p in problems
    )
    return Problem(422 if in_body else 400, f"What was given cannot be used: {where}", errors=problems)


def answer(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that ended with an error."""
    problem = problem_of(error)
    content: dict[str, Any] = {
        "type": f"urn:quel:problem:{problem.code}",
        "title": _TITLES.get(problem.status_code, "It was not done"),
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": request.scope.get("path", ""),
        "request_id": request.scope.get("state", {}).get("request_id"),
    }
    if problem.errors:
        content["errors"] = list(problem.errors)
    if request.scope.get("state", {}).get("legacy"):
        content |= {"success": False, "error": problem.detail}  # where the old front end looks
    return JSONResponse(content, problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)
