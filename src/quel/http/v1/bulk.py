"""What is asked of many jobs at once: what it comes to is told first, and workers do it in batches."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from quel.core.job import JobStatus, JobType
from quel.core.operations.bulk import Bulk, BulkAction, BulkEstimate, BulkOrder
from quel.core.operations.job_list import JobFilter
from quel.http.guard import OPERATES, GuardedRoute, needs
from quel.http.services import Services
from quel.http.v1.spans import in_utc, read_span
from quel.http.v1.wire import Asked, Wire
from quel.operations.bulk import begin_bulk, estimate_bulk, find_bulk, latest_bulks, send_bulk, stop_bulk

router = APIRouter(route_class=GuardedRoute, tags=["bulk"])

_FIRST = 20


class FilterAsked(Asked):
    """Which jobs are meant: all that everything given applies to, of the last 7 days where `since` is not."""

    status: list[JobStatus] = Field([], max_length=6)
    path: str | None = Field(None, max_length=50)
    type: JobType | None = None
    org: UUID | None = None
    member: UUID | None = None
    production: UUID | None = None
    reason: str | None = Field(None, max_length=60)
    since: str | None = Field(None, max_length=10)
    until: datetime | None = None

    def chosen(self) -> JobFilter:
        """The same for the operation. Raises InvalidInput."""
        span: timedelta | None = read_span(self.since) if self.since else None
        return JobFilter(
            path=self.path,
            statuses=tuple(dict.fromkeys(self.status)),
            job_type=self.type,
            org_id=self.org,
            member_id=self.member,
            production_id=self.production,
            reason=self.reason,
            since_s=span.total_seconds() if span else None,
            until=in_utc(self.until) if self.until else None,
        )


class BulkAsked(Asked):
    """What is done with which jobs: those of a filter, or those named.

    `dry_run` only tells what it comes to; with `expect_count` nothing is done where another number is meant.
    """

    action: BulkAction
    filter: FilterAsked | None = None
    ids: list[UUID] = Field([], max_length=10_000)
    failed_only: bool = False
    dry_run: bool = False
    expect_count: int | None = Field(None, ge=0, le=1_000_000)
    name: str = Field("", max_length=100)

    def order(self) -> BulkOrder:
        """The same for the operation. Raises InvalidInput."""
        chosen = self.filter.chosen() if self.filter else JobFilter()
        return BulkOrder(self.action, chosen, tuple(dict.fromkeys(self.ids)), self.failed_only, self.name)


class Estimate(Wire):
    """What it comes to at most; `declined` counts jobs it is not done for, by the reason."""

    count: int
    images: int
    credits: int
    cost_usd: float
    declined: dict[str, int]
    more: bool
    first: list[UUID]


class Begun(Estimate):
    """The act that was begun."""

    id: UUID
    warning: str | None


class Bulks(Wire):
    """Acts, the latest first."""

    items: list[Bulk]


@router.post(
    "/bulk",
    status_code=202,
    response_model=Begun,
    responses={200: {"model": Estimate, "description": "What it comes to: `dry_run` was asked for."}},
)
@needs(OPERATES)
def begin(services: Services, asked: BulkAsked) -> Response:
    """Retry or cancel all jobs that are meant; with `dry_run` tell what it comes to."""
    order = asked.order()
    found = estimate_bulk(services, order)
    told = _told(found)
    if asked.dry_run:
        return JSONResponse(told.model_dump(mode="json"))
    begun = begin_bulk(services, order, found, expected=asked.expect_count)
    unsent = send_bulk(services)
    answer = Begun(**told.model_dump(), id=begun.bulk_id, warning=unsent)
    headers = {"Location": f"/api/v1/bulk/{begun.bulk_id}"}
    return JSONResponse(answer.model_dump(mode="json"), 202, headers=headers)


def _told(found: BulkEstimate) -> Estimate:
    return Estimate(
        count=len(found.job_ids),
        images=found.images,
        credits=found.credits,
        cost_usd=found.cost_usd,
        declined=found.declined,
        more=found.more,
        first=list(found.job_ids[:_FIRST]),
    )


@router.get("/bulk")
@needs(OPERATES)
def list_of_bulks(services: Services, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Bulks:
    """What was asked of many jobs at once, and how far it has come."""
    return Bulks(items=latest_bulks(services, most=limit))


@router.get("/bulk/{bulk_id}")
@needs(OPERATES)
def one_bulk(services: Services, bulk_id: UUID) -> Bulk:
    """One of them as it stands."""
    return find_bulk(services, bulk_id)


@router.delete("/bulk/{bulk_id}")
@needs(OPERATES)
def stop(services: Services, bulk_id: UUID) -> Bulk:
    """Stop it: what has been begun is finished, nothing more is."""
    return stop_bulk(services, bulk_id)
