"""Jobs: listed, looked at, cancelled, retried."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field, model_validator
from starlette.responses import JSONResponse, Response

from quel.core.errors import Conflict, Forbidden, NotFound
from quel.core.job import JobStatus, JobType
from quel.core.operations.api_tokens import Role
from quel.core.operations.cancel_job import CancelOutcome
from quel.core.operations.job_list import JobFilter
from quel.core.operations.retry_job import which_images
from quel.http.guard import ORDERS, OWN, GuardedRoute, needs
from quel.http.paging import links, unless_known
from quel.http.services import CallerOf, OwnOrg, Services
from quel.http.v1.spans import in_utc, read_since
from quel.http.v1.wire import Asked, Job, JobDetail, JobList, Wire, detail_of, job_of
from quel.operations.cancel_job import cancel_jobs
from quel.operations.job_list import jobs_named, list_jobs
from quel.operations.job_row import check_own
from quel.operations.retry_job import NothingMissing, OneMoreOfEach, PlannedAgain, retry_job
from quel.operations.show_job import show_job

MOST_A_PAGE = 200
_TEXT_WITHIN_S = 7 * 86_400.0  # a search through messages has no index: it needs an end

router = APIRouter(route_class=GuardedRoute, tags=["jobs"])


class Order(StrEnum):
    """Which jobs come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


class RetryAsked(Asked):
    """Which images are made again: these, or all that are missing, or of those only the failed ones.

    With `again` the images named were delivered, stay, and one more of each is added to the job.
    """

    images: list[Annotated[int, Field(ge=1, le=10_000)]] | None = Field(None, min_length=1, max_length=1_000)
    failed_only: bool = False
    again: bool = False

    @model_validator(mode="after")
    def _again_names_images(self) -> Self:
        if self.again and not self.images:
            raise ValueError("With `again`, `images` says which are made once more.")
        return self


class Retried(Wire):
    """What is made again or added, and what it can cost at most; no images where the job has no plan yet."""

    job_id: UUID
    images: list[int]
    credits: int | None
    warning: str | None


@router.get("/jobs", response_model=JobList)
@needs(OWN)
def list_of_jobs(
    request: Request,
    services: Services,
    org_of_caller: OwnOrg,
    status: Annotated[list[JobStatus] | None, Query()] = None,
    path: Annotated[str | None, Query(max_length=50)] = None,
    job_type: Annotated[JobType | None, Query(alias="type")] = None,
    org: UUID | None = None,
    member: UUID | None = None,
    production: UUID | None = None,
    reason: Annotated[str | None, Query(max_length=60)] = None,
    since: Annotated[str | None, Query(max_length=40)] = None,
    until: datetime | None = None,
    q: Annotated[str | None, Query(min_length=3, max_length=100)] = None,
    order: Order = Order.NEWEST,
    limit: Annotated[int, Query(ge=1, le=MOST_A_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """List jobs in pages. `since` is a span (`24h`, `7d`) or a moment; `q` is text of the customer's message,
    of the last seven days where `since` says nothing else. A cursor holds for the same filter alone."""
    if org_of_caller is not None and org not in (None, org_of_caller):
        raise NotFound(f"There is no organization {org}.")
    begin = read_since(since) if since else None
    searched_s = _TEXT_WITHIN_S if q and begin is None else None
    chosen = JobFilter(
        path=path,
        statuses=tuple(dict.fromkeys(status or ())),
        job_type=job_type,
        org_id=org_of_caller or org,
        member_id=member,
        production_id=production,
        reason=reason,
        since_s=begin.total_seconds() if isinstance(begin, timedelta) else searched_s,
        since=begin if isinstance(begin, datetime) else None,
        until=in_utc(until) if until else None,
        words=q,
    )
    page = list_jobs(services, chosen, most=limit, newest=order is Order.NEWEST, cursor=cursor)
    told = JobList(items=[job_of(view) for view in page.jobs], next=page.next_cursor, prev=page.prev_cursor)
    headers = links(request, next=page.next_cursor, prev=page.prev_cursor)
    return JSONResponse(told.model_dump(mode="json"), headers=headers)


@router.get("/jobs/{job_id}", response_model=JobDetail)
@needs(OWN)
def one_job(
    request: Request,
    services: Services,
    caller: CallerOf,
    org_of_caller: OwnOrg,
    job_id: UUID,
    prompts: bool = False,
) -> Response:
    """Look at a job with its images; `prompts` adds what was sent, for operators alone."""
    if prompts and caller.role is not Role.OPERATOR:
        raise Forbidden("Prompts are shown to operators alone.")
    check_own(services, [job_id], org_of_caller)
    page = show_job(services, job_id, prompts=prompts)
    return unless_known(request, detail_of(page, names_actors=caller.role is not Role.CLIENT))


@router.post("/jobs/{job_id}/cancel", status_code=202)
@needs(ORDERS)
def cancel_job(services: Services, org_of_caller: OwnOrg, job_id: UUID) -> Job:
    """Cancel a job: nothing new is begun, and what was delivered is kept."""
    check_own(services, [job_id], org_of_caller)
    done = cancel_jobs(services, [job_id], wait_s=0.0).jobs[0]
    if done.outcome is CancelOutcome.UNKNOWN:
        raise NotFound(f"There is no job {job_id}.")
    if done.outcome is CancelOutcome.ENDED:
        raise Conflict(f"The job has already ended as {done.status}.", code="already_ended")
    (view,) = jobs_named(services, [job_id])
    return job_of(view)


@router.post("/jobs/{job_id}/retry", status_code=202)
@needs(ORDERS)
def retry(
    services: Services, org_of_caller: OwnOrg, job_id: UUID, asked: RetryAsked | None = None
) -> Retried:
    """Make again what is missing of an ended job, or one more of images; what was delivered stays."""
    check_own(services, [job_id], org_of_caller)
    wanted = asked or RetryAsked()
    which = which_images(wanted.images, failed_only=wanted.failed_only, again=wanted.again)
    done = retry_job(services, job_id, which)
    if isinstance(done, NothingMissing):
        raise Conflict(done.reason, code="nothing_missing")
    if isinstance(done, OneMoreOfEach):
        numbers = [number for number, _ in done.images]
        return Retried(job_id=job_id, images=numbers, credits=done.credits, warning=done.unsent)
    if isinstance(done, PlannedAgain):
        return Retried(job_id=job_id, images=list(done.images), credits=done.credits, warning=done.unsent)
    return Retried(job_id=job_id, images=[], credits=None, warning=done.unsent)
