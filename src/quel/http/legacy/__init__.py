"""The old server's endpoints, paths and bodies as the front end knows them."""

from fastapi import APIRouter
from starlette.responses import Response

from quel.http.description import PROBLEM
from quel.http.legacy import cancel, enqueue, missing, status

router = APIRouter(
    tags=["legacy"],
    responses={"default": {"description": "It was not done.", "content": PROBLEM | {"application/json": {}}}},
)
for each in (enqueue, cancel, status, missing):
    router.include_router(each.router)


async def _options() -> Response:
    """Answered without a token, as browsers ask it; what a page may do QUEL_API_ORIGINS says."""
    return Response(status_code=204, headers={"Allow": "GET, POST, OPTIONS"})


_PATHS = (
    *("/enqueue", "/api/enqueue", "/api/jobs/{job_id}", "/api/jobs/{job_id}/cancel"),
    *("/api/modify/status/{job_id}", "/api/modify/submit"),
    *("/api/multiview/generate", "/api/multiview/check-credits"),
)
for path in _PATHS:
    router.add_api_route(path, _options, methods=["OPTIONS"], include_in_schema=False)
