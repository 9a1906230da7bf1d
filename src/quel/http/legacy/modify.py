"""POST /api/modify/submit: an in-painting is ordered, in the old server's words.

Whose it is says the token: a client's own `member`, and its organization pays. An operator, who is the
product's back end and has its callers' names from itself, says it in the body as the old one's callers did.
"""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from quel.core.errors import InvalidInput, NotEnoughCredits, NotFound, Unpayable
from quel.core.operations.submit_modify import read_modify_order
from quel.http.guard import MEGABYTE, ORDERS, GuardedRoute, needs, read_json
from quel.http.legacy.user import user_of
from quel.http.problems import Problem
from quel.http.services import CallerOf, OwnOrg, Services
from quel.operations.submit_modify import submit_modify

router = APIRouter(route_class=GuardedRoute)

MOST_BYTES = 32 * MEGABYTE
"""A mask, a reference and those of some layers, in base64."""

_TEXT = {"type": "string"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["imageUrl", "maskDataUrl", "attachId"],
                    "properties": {
                        **dict.fromkeys(("imageUrl", "maskDataUrl", "prompt", "userId"), _TEXT),
                        "attachId": {"type": ["integer", "string"]},
                        "layers": {"type": "array", "items": {"type": "object"}},
                        "referenceImage": {"type": ["string", "null"]},
                        "quantity": {"type": ["integer", "string"]},
                        "originalProductionId": {"type": ["string", "null"]},
                        "aspectRatio": {"type": ["string", "null"]},
                    },
                }
            }
        },
    }
}


@router.post("/api/modify/submit", openapi_extra=_BODY)
@needs(ORDERS, most_bytes=MOST_BYTES, legacy=True)
def modify(request: Request, services: Services, caller: CallerOf, org: OwnOrg) -> JSONResponse:
    """Order an in-painting: a picture, strokes that mark where, and what is to be there."""
    try:
        body = read_json(request.scope["state"]["body"])
        user = user_of(caller, body.get("userId") if isinstance(body, dict) else None)
        order = read_modify_order(body, user)
        done = submit_modify(services, order, org)
    except NotEnoughCredits as error:
        told = {"requiredCredits": error.required, "availableCredits": error.available}
        return JSONResponse({"error": str(error), **told}, 402)
    except Unpayable as error:
        return JSONResponse({"error": str(error)}, 402)
    except NotFound as error:
        return JSONResponse({"error": str(error)}, 404)
    except InvalidInput as error:
        return JSONResponse({"error": str(error)}, 400)
    except Problem as problem:
        return JSONResponse({"error": problem.detail}, 400)
    return JSONResponse(
        {
            "success": True,
            "jobId": str(done.job_id),
            "productionId": str(done.production_id),
            "message": "Modify job submitted successfully",
            "totalImages": done.total_images,
        }
    )
