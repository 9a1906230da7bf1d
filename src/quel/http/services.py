"""What a route is given: who calls, and the neighbours for their acts."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from quel.core.operations.action_log import Actor, Channel
from quel.core.operations.api_tokens import Caller, Role
from quel.http.auth import Door
from quel.http.limits import LargeBodies, RequestRate
from quel.http.streams import Streams
from quel.operations.services import OperatorServices
from quel.settings import Settings

THREADS = 24
"""Requests at work at once; streams are none of them."""
READ_CONNECTIONS, ACT_CONNECTIONS = 4, 4
"""Of a process: eight at the most, which is what a pooler grants a small service."""
ACTS_AT_ONCE = ACT_CONNECTIONS // 2  # the operator log holds one while the act has another
READ_WITHIN_S = 3
LARGE_BODIES_AT_ONCE = 3
"""Each is held in memory: tens of megabytes. One of them is always left to other callers."""

_FILES = 14
_FORM_WORDS_BYTES = 2 * 1024 * 1024


@dataclass
class Api:
    """What all routes share."""

    settings: Settings
    services: OperatorServices
    door: Door
    rate: RequestRate
    streams: Streams
    large_bodies: LargeBodies = field(default_factory=lambda: LargeBodies(LARGE_BODIES_AT_ONCE))
    acts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ACTS_AT_ONCE))

    def may_go_on(self, caller: Caller) -> bool:
        """Whether a stream of the caller may stay open."""
        return not self.streams.is_closing and self.door.still_holds(caller)

    @property
    def most_form_bytes(self) -> int:
        """Bytes of a form with as many pictures as a request to the provider may have."""
        return _FILES * self.settings.max_reference_bytes + _FORM_WORDS_BYTES


async def _api(request: Request) -> Api:
    api: Api = request.app.state.api
    return api


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    return caller


async def _services(request: Request) -> OperatorServices:
    state = request.scope["state"]
    actor = Actor(state["caller"].name, Channel.API, state["request_id"])
    api: Api = request.app.state.api
    return api.services.acting_as(actor)


async def _org(request: Request) -> UUID | None:
    caller: Caller = request.scope["state"]["caller"]
    return caller.org_id if caller.role is Role.CLIENT else None


ApiOf = Annotated[Api, Depends(_api)]
CallerOf = Annotated[Caller, Depends(_caller)]
Services = Annotated[OperatorServices, Depends(_services)]
"""The neighbours, with the caller as who acts."""
OwnOrg = Annotated[UUID | None, Depends(_org)]
"""The organization that the caller is held to; None for one who sees everything."""
