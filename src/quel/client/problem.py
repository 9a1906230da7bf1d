"""What goes wrong, as the API tells it (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx


class ApiProblem(Exception):
    """The API did not do what was asked; its message is the sentence that the API gave.

    `code` is stable and for programs (`already-ended`, `no-credit`, …), `errors` name single places of what
    was sent, `request_id` finds the request in the server's log. `status` is None where no answer came.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = list(errors)
        self.request_id = request_id


def problem_of(answer: httpx.Response | httpx.TransportError) -> ApiProblem:
    """The problem that an answer tells of, or that no answer came."""
    if isinstance(answer, httpx.TransportError):
        return ApiProblem(f"quel did not answer ({type(answer).__name__}).")
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {}
    return ApiProblem(
        str(told.get("detail") or f"quel answered with HTTP status {answer.status_code}."),
        status=answer.status_code,
        code=str(told.get("type", "")).rpartition(":")[2],
        errors=told.get("errors") or (),
        request_id=told.get("request_id"),
    )
