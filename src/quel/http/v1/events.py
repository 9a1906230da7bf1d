"""Jobs as they go: streams of server-sent events."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from quel.http.guard import LOOKS, OWN, GuardedRoute, needs
from quel.http.services import ApiOf, CallerOf, OwnOrg, Services
from quel.http.streams import all_news, job_news, stream_of, tell
from quel.operations.job_progress import job_progress, open_jobs

router = APIRouter(route_class=GuardedRoute, tags=["events"])

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `job`, `image`, `end` and `bye`; the present state comes first.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses=_STREAM)
@needs(OWN)
async def events_of_job(
    api: ApiOf, services: Services, caller: CallerOf, org_of_caller: OwnOrg, job_id: UUID
) -> StreamingResponse:
    """Watch a job until its end. Whoever is cut off, or told `bye`, asks again and has missed nothing."""
    job = await run_in_threadpool(job_progress, services, job_id, org_of_caller)
    place = api.streams.listening(caller.name, job)
    return await stream_of(tell(place, news=job_news, may_go_on=lambda: api.may_go_on(caller)))


@router.get("/events", response_class=StreamingResponse, responses=_STREAM)
@needs(LOOKS)
async def events_of_all(
    api: ApiOf,
    services: Services,
    caller: CallerOf,
    path: Annotated[str | None, Query(max_length=50)] = None,
) -> StreamingResponse:
    """Watch all open jobs, of a path or of every one: an event `job` for each that moves."""
    jobs = await run_in_threadpool(open_jobs, services)
    place = api.streams.listening_to_all(caller.name, jobs)
    return await stream_of(tell(place, news=all_news(path), may_go_on=lambda: api.may_go_on(caller)))
