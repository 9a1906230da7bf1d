"""POST /enqueue and /api/enqueue: a job's id goes on the raw list.

The old server answered 200 always and pushed whatever it was given. Here an id of no job is told with 404, a
Redis that is away with 503; the body has `success` and `error` as there.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from starlette.responses import JSONResponse

from quel.core.errors import NotFound, ServiceUnavailable
from quel.core.job_id import read_job_id
from quel.http.guard import ORDERS, GuardedRoute, needs
from quel.http.services import OwnOrg, Services
from quel.operations.enqueue import enqueue

router = APIRouter(route_class=GuardedRoute)

_BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"job_id": {"type": "string"}},
                    "required": ["job_id"],
                }
            }
        }
    }
}


@router.post("/enqueue", name="enqueue_job_short", openapi_extra=_BODY)
@router.post("/api/enqueue", openapi_extra=_BODY)
@needs(ORDERS, legacy=True)
def enqueue_job(services: Services, org: OwnOrg, body: Annotated[Any, Body()] = None) -> JSONResponse:
    """Put a job on the queue: {job_id}."""
    given = body.get("job_id") if isinstance(body, dict) else None
    job_id = read_job_id(given.encode()) if isinstance(given, str) else None
    if job_id is None:
        words = "job_id is required" if not given else "job_id is no UUID"
        return JSONResponse({"success": False, "error": words})
    try:
        done = enqueue(services, job_id, org)
    except NotFound:
        return JSONResponse({"success": False, "error": "Job not found"}, 404)
    except ServiceUnavailable as error:
        return JSONResponse({"success": False, "error": str(error)}, 503)
    if done.length is None:
        told = f"Job is {done.status} already: nothing was pushed"
        return JSONResponse({"success": True, "message": told, "job_id": str(job_id), "queue": done.queue})
    return JSONResponse(
        {
            "success": True,
            "message": "Job enqueued successfully",
            "job_id": str(job_id),
            "queue": done.queue,
            "queuePosition": done.length,
        }
    )
