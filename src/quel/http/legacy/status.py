"""GET /api/modify/status/{id} and /api/jobs/{id}: the job's row, which the front end polls.

A viewer is told it without job_input_data, where the prompts stand.
"""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from quel.core.errors import NotFound
from quel.core.job_id import read_job_id
from quel.core.operations.api_tokens import Role
from quel.http.guard import OWN, GuardedRoute, needs
from quel.http.paging import unless_known
from quel.http.services import CallerOf, OwnOrg, Services
from quel.operations.job_row import job_row

router = APIRouter(route_class=GuardedRoute)


@router.get("/api/modify/status/{job_id}", name="modify_status")
@router.get("/api/jobs/{job_id}")
@needs(OWN, legacy=True)
def job_status(request: Request, services: Services, caller: CallerOf, org: OwnOrg, job_id: str) -> Response:
    """Look at a job's row, as its columns are called; 304 where nothing has changed."""
    known = read_job_id(job_id.encode())
    try:
        row = dict(job_row(services, known, org)) if known else None
    except NotFound:
        row = None
    if row is None:
        return JSONResponse({"error": "Job not found"}, 404)
    if caller.role is Role.VIEWER:
        del row["job_input_data"]
    return unless_known(request, row)
