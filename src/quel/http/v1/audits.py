"""Audits that are asked for here and made by a worker."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from quel.core.operations.audit_runs import AuditOrder, AuditRun
from quel.http.guard import LOOKS, OPERATES, GuardedRoute, needs
from quel.http.services import Services
from quel.http.v1.spans import read_span
from quel.http.v1.wire import Asked, Wire
from quel.operations.audit_runs import begin_audit, find_audit, latest_audits

router = APIRouter(route_class=GuardedRoute, tags=["operators"])


class AuditAsked(Asked):
    """What is compared: jobs planned within `since`, else all; objects in Storage too, unless not."""

    since: str | None = Field(None, max_length=10)
    objects: bool = True

    def order(self) -> AuditOrder:
        """The same for the operation. Raises InvalidInput."""
        return AuditOrder(read_span(self.since).total_seconds() if self.since else None, self.objects)


class Begun(Wire):
    """The audit that was asked for; `warning` says why workers hear of it only within a minute, if so."""

    id: UUID
    warning: str | None


class Audits(Wire):
    """Audits, the latest first, without their differences."""

    items: list[AuditRun]


@router.post("/audits", status_code=202)
@needs(OPERATES)
def audit(services: Services, response: Response, asked: AuditAsked | None = None) -> Begun:
    """Compare objects, attachments, ledger, balances, counters and productions, in a worker."""
    begun, unsent = begin_audit(services, (asked or AuditAsked()).order())
    response.headers["Location"] = f"/api/v1/audits/{begun.id}"
    return Begun(id=begun.id, warning=unsent)


@router.get("/audits")
@needs(LOOKS)
def list_of_audits(services: Services, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Audits:
    """The latest audits, and how far each has come."""
    return Audits(items=latest_audits(services, most=limit))


@router.get("/audits/{audit_id}")
@needs(LOOKS)
def one_audit(services: Services, audit_id: UUID) -> AuditRun:
    """One of them, with its differences."""
    return find_audit(services, audit_id)
