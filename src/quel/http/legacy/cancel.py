"""POST /api/jobs/{id}/cancel, in the old server's words.

Its key is set only where the job is open, so that a later retry is not cancelled by a stale one; a job that
has ended, in whatever way, is told with `success: false` and its status.
"""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from quel.core.errors import NotFound
from quel.core.job_id import read_job_id
from quel.core.operations.job_list import JobView
from quel.http.guard import ORDERS, GuardedRoute, needs
from quel.http.services import OwnOrg, Services
from quel.operations.cancel_job import cancel_jobs
from quel.operations.job_list import jobs_named
from quel.operations.job_row import check_own

router = APIRouter(route_class=GuardedRoute)


@router.post("/api/jobs/{job_id}/cancel", name="cancel_as_before")
@needs(ORDERS, legacy=True)
def cancel_job(services: Services, org: OwnOrg, job_id: str) -> JSONResponse:
    """Cancel a job: what was delivered is kept."""
    known = read_job_id(job_id.encode())
    if known is None:
        return JSONResponse({"error": "Invalid job ID"}, 400)
    try:
        check_own(services, [known], org)
        (before,) = jobs_named(services, [known])
    except NotFound:
        return JSONResponse({"error": "Job not found"}, 404)
    if before.is_closed:
        return JSONResponse(_ended(before))
    cancel_jobs(services, [known], wait_s=0.0)
    return JSONResponse(
        {
            "success": True,
            "message": "Job cancellation requested",
            "job_id": str(known),
            "current_status": before.status,
            "completed_images": before.completed,
            "total_images": before.total_images,
        }
    )


def _ended(job: JobView) -> dict[str, object]:
    return {
        "success": False,
        "message": f"Job already {job.status}",
        "job_id": str(job.job_id),
        "job_status": job.status,
        "completed_images": job.completed,
    }
