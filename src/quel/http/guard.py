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
from quel.http.auth import LEGACY
from quel.http.limits import LargeBodies, Pace, bounded, too_large
from quel.http.problems import Problem
from quel.http.services import Api

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
T = TypeVar("T")

MEGABYTE = 1024 * 1024
LOOKS = frozenset({Role.VIEWER, Role.OPERATOR})
OWN = frozenset(Role)
"""Who may look at single jobs: a client at those of its organization."""
ORDERS = frozenset({Role.CLIENT, Role.OPERATOR})
OPERATES = frozenset({Role.OPERATOR})

_BODY_WITHIN_S = 30.0
_FILES_WITHIN_S = 300.0
_FILES_PACE = Pace(step_bytes=30 * 32 * 1024, step_s=30.0)  # 32 KiB a second
_ACT_WITHIN_S = 10.0
_FORM_PARTS = 20
_FILES_SUPPORTED = 14


@dataclass(frozen=True)
class Needs:
    """Who may call a route, and how large its body may be; `files` lets it be multipart as well.

    `waits`: it answers long after its act, and takes its turn for that alone (`in_turn`).
    """

    roles: frozenset[Role]
    most_bytes: int = MEGABYTE
    files: bool = False
    legacy: bool = False
    waits: bool = False


def needs(
    roles: frozenset[Role],
    *,
    most_bytes: int = MEGABYTE,
    files: bool = False,
    legacy: bool = False,
    waits: bool = False,
) -> Callable[[Endpoint], Endpoint]:
    """Declares what a route needs; stands below the decorator that makes the route."""

    def declared(endpoint: Endpoint) -> Endpoint:
        endpoint.needs = Needs(roles, most_bytes, files, legacy, waits)  # type: ignore[attr-defined]
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
            state["headers"] |= await run_in_threadpool(api.rate.admit, _bucket(caller, request))
            _check_role(caller, wanted)
            _check_words(request, known)
            if not acts:
                return await answer(request)
            if wanted.waits:
                return await _take_and_answer(request, wanted, answer)
            if wanted.most_bytes > MEGABYTE or (wanted.files and is_form(request)):
                return await _in_large_turn(request, lambda: _act(request, wanted, answer))
            return await _act(request, wanted, answer)

        return guarded


def _bucket(caller: Caller, request: Request) -> str:
    """Whose rate it is: a token's, or that of an address where the old endpoints are open to everybody."""
    return f"legacy {request.client.host}" if caller == LEGACY and request.client else caller.name


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


async def _act(
    request: Request, wanted: Needs, answer: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Takes the body, and then waits for its turn: an act holds two of the few connections."""
    taken = GuardedRequest(request, wanted)
    try:
        await taken.take_body()
        acts: asyncio.Semaphore = request.app.state.api.acts
        return await in_turn(acts, lambda: answer(taken))
    finally:
        await taken.close()


async def _take_and_answer(
    request: Request, wanted: Needs, answer: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Takes the body in its turn, and answers whenever the route does, which alone holds the body by then."""
    taken = GuardedRequest(request, wanted)
    await _in_large_turn(request, taken.take_body)
    vars(taken).pop("_body", None)
    return await answer(taken)


async def _in_large_turn(request: Request, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives, once it is the caller's turn, and then among all callers. Raises Problem (503)."""
    turns: LargeBodies = request.app.state.api.large_bodies
    share = turns.share_of(_bucket(request.scope["state"]["caller"], request))
    return await in_turn(share, lambda: in_turn(turns.all, work))


async def in_turn(few: asyncio.Semaphore, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives, once it is its turn. Raises Problem (503) where that takes too long."""
    try:
        await asyncio.wait_for(few.acquire(), _ACT_WITHIN_S)
    except TimeoutError:
        raise Problem(503, "Too many requests like this one are under way: try again.") from None
    try:
        return await work()
    finally:
        few.release()


def is_form(request: Request) -> bool:
    """Whether its body is a form with files."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


class GuardedRequest(Request):
    """A request whose body is taken before its act begins: JSON that can be kept, or a form with files."""

    def __init__(self, request: Request, wanted: Needs) -> None:
        self._wanted = wanted
        self._is_form = is_form(request)
        self.most_bytes = wanted.most_bytes
        within_s, pace = _BODY_WITHIN_S, None
        if wanted.files and self._is_form:
            self.most_bytes = request.app.state.api.most_form_bytes
            within_s, pace = _FILES_WITHIN_S, _FILES_PACE
        receive = bounded(request.receive, most_bytes=self.most_bytes, within_s=within_s, pace=pace)
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
        except Problem:
            raise  # too large or too slow, and told as that
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
