"""Figures: what became of jobs, who paid, and what was booked; as JSON or CSV."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from quel.core.errors import InvalidInput, NotFound
from quel.core.operations.ledger import LedgerLine, LedgerPage
from quel.core.operations.statistics import Grouping, GroupStats, PayerStats, ReasonStats
from quel.http.guard import LOOKS, OWN, GuardedRoute, needs
from quel.http.paging import links
from quel.http.services import OwnOrg, Services
from quel.http.tables import table
from quel.http.v1.spans import read_span
from quel.http.v1.wire import Wire
from quel.operations.ledger import ledger
from quel.operations.statistics import count_groups, count_payers, count_reasons

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

router = APIRouter(route_class=GuardedRoute, tags=["figures"])

Span = Annotated[str, Query(max_length=10, description="Jobs created within it: 90m, 24h, 7d, 4w.")]


class Payers(StrEnum):
    """Whose use is asked for."""

    ORG = "org"
    MEMBER = "member"
    ALL = "all"


class Stats(Wire):
    """Jobs and images by outcome, or images that failed by reason."""

    items: list[GroupStats] | list[ReasonStats]


class Usage(Wire):
    """Who paid, those first who paid the most."""

    items: list[PayerStats]


@router.get("/stats", response_model=Stats, responses=_CSV)
@needs(LOOKS)
def stats(
    request: Request, services: Services, by: Grouping = Grouping.PATH, since: Span = "24h"
) -> Response:
    """Count jobs and images by outcome, credits taken, provider cost, and median seconds."""
    span = read_span(since)
    if by is Grouping.REASON:
        return table(request, ReasonStats, count_reasons(services, span))
    return table(request, GroupStats, count_groups(services, by, span))


@router.get("/usage", response_model=Usage, responses=_CSV)
@needs(OWN)
def usage(
    request: Request,
    services: Services,
    org_of_caller: OwnOrg,
    by: Payers = Payers.ALL,
    since: Span = "30d",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Show who paid: jobs, images, credits and provider cost; a client sees its organization alone."""
    span = read_span(since)
    if org_of_caller is not None:
        own = count_payers(services, span, organizations=True, only=org_of_caller)
        return table(request, PayerStats, own)
    organizations = None if by is Payers.ALL else by is Payers.ORG
    return table(request, PayerStats, count_payers(services, span, organizations=organizations, most=limit))


@router.get("/ledger", response_model=LedgerPage, responses=_CSV)
@needs(OWN)
def ledger_of(
    request: Request,
    services: Services,
    org_of_caller: OwnOrg,
    org: UUID | None = None,
    member: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Show what was booked on the account of an organization or a member, the latest first."""
    if org_of_caller is not None and (member is not None or org not in (None, org_of_caller)):
        raise NotFound("There is no such account.")
    account = org_of_caller or org or member
    if account is None or (org is not None and member is not None):
        raise InvalidInput("Say whose ledger: either org or member.")
    page = ledger(services, account, is_organization=account != member, most=limit, cursor=cursor)
    return table(
        request, LedgerLine, page.items, more={"next": page.next}, headers=links(request, next=page.next)
    )
