"""What stands before every route: a token with a role, a rate, known parameters, a body within its bounds.

A route without declared needs does not come into being, so that a new one cannot forget them.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from quel.core.operations.api_tokens import Caller, Role
from quel.core.request import decode_input
from quel.core.storable import is_text, why_not_storable
from quel.http.limits import bounded, too_large
from quel.http.problems import Problem
from quel.http.services import Api

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

MEGABYTE = 1024 * 1024
LOOKS = frozenset({Role.VIEWER, Role.OPERATOR})
OWN = frozenset(Role)
"""Who may look at single jobs: a client at those of its organization."""
ORDERS = frozenset({Role.CLIENT, Role.OPERATOR})
OPERATES = frozenset({Role.OPERATOR})

_BODY_WITHIN_S = 30.0
_FILES_WITHIN_S = 300.0
_ACT_WITHIN_S = 10.0
_FORM_PARTS = 20
_FILES_SUPPORTED = 14


@dataclass(frozen=True)
class Needs:
    """Who may call a route, and how large its body may be; `files` lets it be multipart as well."""

    roles: frozenset[Role]
    most_bytes: int = MEGABYTE
    files: bool = False
    legacy: bool = False


def needs(
    roles: frozenset[Role], *, most_bytes: int = MEGABYTE, files: bool = False, legacy: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Declares what a route needs; stands below the decorator that makes the route."""

    def declared(endpoint: Endpoint) -> Endpoint:
        endpoint.needs = Needs(roles, most_bytes, files, legacy)  # type: ignore[attr-defined]
        return endpoint

    return declared


class GuardedRoute(APIRoute):
    """A route that lets nobody by who does not fulfil its needs. Raises Problem where somebody does not."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The guarded handler."""
        answer = super().get_route_handler()
        wanted: Needs = vars(self.endpoint)["needs"]  # KeyError: a route must declare its needs
        known = frozenset(_query_names(self.dependant))
        acts = "GET" not in (self.methods or ())

        async def guarded(request: Request) -> Response:
            api: Api = request.app.state.api
            state = request.scope["state"]
            state |= {"legacy": wanted.legacy, "route": request.scope["route"].path}
            caller = state["caller"] = api.door.caller(request, legacy=wanted.legacy)
            state["headers"] |= await run_in_threadpool(api.rate.admit, caller.name)
            _check_role(caller, wanted)
            _check_words(request, known)
            if not acts:
                return await answer(request)
            taken = GuardedRequest(request, wanted)
            try:
                await taken.take_body()
                return await _one_of_few(api.acts, lambda: answer(taken))
            finally:
                await taken.close()

        return guarded


def _check_role(caller: Caller, wanted: Needs) -> None:
    if caller.role not in wanted.roles:
        allowed = " or ".join(sorted(wanted.roles))
        raise Problem(403, f"This needs a token of the role {allowed}; yours is of {caller.role}.")


def _check_words(request: Request, known: frozenset[str]) -> None:
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        given = ", ".join(sorted(known)) or "none"
        words = f"The parameter {unknown[0][:40]!r} is not known here; there is: {given}."
        raise Problem(400, words, errors=[{"parameter": unknown[0][:40], "detail": "It is not known here."}])
    for words in (*request.query_params.values(), request.scope["path"]):
        if not is_text(words):
            raise Problem(400, "The address holds text that cannot be read.")


def _query_names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        model = parameter.field_info.annotation
        fields = getattr(model, "model_fields", None)
        if fields is None:
            yield parameter.alias
        else:
            yield from (info.alias or name for name, info in fields.items())
    for other in dependant.dependencies:
        yield from _query_names(other)


async def _one_of_few(
    acts: asyncio.Semaphore, answer: Callable[[], Coroutine[Any, Any, Response]]
) -> Response:
    """Waits for its turn: an act holds two connections, and the pool has only so many."""
    try:
        await asyncio.wait_for(acts.acquire(), _ACT_WITHIN_S)
    except TimeoutError:
        raise Problem(503, "Too many requests that change something are under way: try again.") from None
    try:
        return await answer()
    finally:
        acts.release()


class GuardedRequest(Request):
    """A request whose body is taken before its act begins: JSON that can be kept, or a form with files."""

    def __init__(self, request: Request, wanted: Needs) -> None:
        self._wanted = wanted
        self._is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
        self.most_bytes = wanted.most_bytes
        within_s = _BODY_WITHIN_S
        if wanted.files and self._is_form:
            self.most_bytes, within_s = request.app.state.api.most_form_bytes, _FILES_WITHIN_S
        receive = bounded(request.receive, most_bytes=self.most_bytes, within_s=within_s)
        super().__init__(request.scope, receive)

    async def take_body(self) -> None:
        """Reads all of it. Raises Problem: 413 too large, 408 too slow, 415 a form that is not taken."""
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self.most_bytes:
            raise too_large(self.most_bytes)
        if not self._is_form:
            self.scope["state"]["body"] = await self.body()
        elif self._wanted.files:
            await self.take_form()
        else:
            raise Problem(415, "This address takes JSON.")

    async def take_form(self) -> None:
        """Reads a form; its files go to the disk."""
        try:
            form = await self.form(max_files=_FILES_SUPPORTED, max_fields=_FORM_PARTS, max_part_size=MEGABYTE)
        except HTTPException as error:
            raise Problem(400, f"The form cannot be read: {error.detail}") from None
        self.scope["state"]["form"] = form

    async def json(self) -> Any:
        """The decoded body. Raises Problem for what is no JSON, and for what PostgreSQL cannot keep."""
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """The decoded JSON. Raises Problem (400, 422)."""
    value = decode_input(body)
    if value is None and body.strip() != b"null":
        raise Problem(400, "The body is no JSON that can be read.")
    objection = why_not_storable(value)
    if objection:
        raise Problem(422, objection, errors=[{"pointer": "", "detail": objection}])
    return value
