"""POST /api/multiview/generate and GET …/check-credits: a turn-around, in the old server's words.

The old server made it while the caller waited, and kept no job. Here a job is written and waited for: for two
minutes, or until this server ends; then the answer is 202 with the job's id, to be polled like any other.
Pictures are told by their addresses; `imageBase64` is left out.
"""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from quel.core.errors import InvalidInput, NotFound, QuelError
from quel.core.kinds.multiview import DEFAULT_ANGLES, ROUND
from quel.core.operations.api_tokens import Caller
from quel.core.operations.job_page import ShownImage
from quel.core.operations.job_progress import JobProgress
from quel.core.operations.submit_multiview import (
    MultiviewRefused,
    RefusalCode,
    read_count,
    read_multiview_order,
)
from quel.core.pipeline import ImageState
from quel.core.prompting.turn_around import NAMES
from quel.http.guard import MEGABYTE, ORDERS, OWN, GuardedRoute, in_turn, needs, read_json
from quel.http.legacy.user import user_of
from quel.http.problems import Problem
from quel.http.services import Api, ApiOf, CallerOf, OwnOrg, Services
from quel.operations.job_progress import job_progress
from quel.operations.services import OperatorServices
from quel.operations.show_job import show_job
from quel.operations.submit_job import SubmittedJob
from quel.operations.submit_multiview import multiview_credits, submit_multiview

router = APIRouter(route_class=GuardedRoute)

MOST_BYTES = 32 * MEGABYTE
WAIT_S = 120.0


@router.post("/api/multiview/generate")
@needs(ORDERS, most_bytes=MOST_BYTES, legacy=True, waits=True)
async def generate(
    request: Request, api: ApiOf, services: Services, caller: CallerOf, org: OwnOrg
) -> JSONResponse:
    """Go round a subject: one picture an angle."""
    try:
        job_id = await _ordered(request, api, services, caller, org)
    except MultiviewRefused as error:
        return _refused(str(error), error.refusal)
    try:
        await _wait_for(api, caller, await run_in_threadpool(job_progress, services, job_id, None))
        return await run_in_threadpool(_answer, services, job_id)
    except QuelError:  # the order stands, and its id must not be lost
        return _later(job_id)


async def _ordered(
    request: Request, api: Api, services: OperatorServices, caller: Caller, org: UUID | None
) -> UUID:
    """The job's id alone, so that nothing of tens of megabytes is held while it is waited for."""
    taken = [request.scope["state"].pop("body")]
    done = await in_turn(api.acts, lambda: run_in_threadpool(_submit, services, taken.pop(), caller, org))
    return done.job_id


def _later(job_id: UUID) -> JSONResponse:
    told = {"success": True, "jobId": str(job_id)}
    return JSONResponse(told | {"message": "It is not finished yet: ask for the job's status."}, 202)


def _refused(message: str, code: RefusalCode) -> JSONResponse:
    """With 200, as the old server did."""
    return JSONResponse({"success": False, "errorMessage": message, "errorCode": code})


def _submit(services: OperatorServices, given: bytes, caller: Caller, org: UUID | None) -> SubmittedJob:
    body = read_json(given)
    user = user_of(caller, body.get("userId") if isinstance(body, dict) else None)
    order = read_multiview_order(body, user, at_most_bytes=services.settings.max_reference_bytes)
    return submit_multiview(services, order, org)


async def _wait_for(api: Api, caller: Caller, job: JobProgress) -> None:
    """Until the job is settled, the time is over, or nobody may wait any longer."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_S
    try:
        with api.streams.listening(f"turn-arounds of {caller.name}", job) as listener:
            while listener.state and not listener.state.is_settled and api.may_go_on(caller):
                if not await listener.wait(max(0.0, until - loop.time())):
                    return
    except Problem:  # as many wait as may: the caller polls
        return


def _answer(services: OperatorServices, job_id: UUID) -> JSONResponse:
    page = show_job(services, job_id)
    job = page.job
    if not job.view.is_settled:
        return _later(job_id)
    told: dict[str, Any] = {"jobId": str(job_id)}
    made = [_image(image) for image in page.images]
    told |= {
        "success": any(each["success"] for each in made),
        "generatedImages": made,
        "totalImages": sum(each["success"] for each in made),
        "creditsUsed": page.charged,
    }
    if job.member_id is not None:
        left = multiview_credits(services, job.member_id, job.org_id, 1).available
        told["creditsRemaining"] = left
    if not told["success"]:
        told |= {"errorMessage": page.job.view.error_message or "", "errorCode": RefusalCode.INTERNAL_ERROR}
    return JSONResponse(told)


def _image(image: ShownImage) -> dict[str, Any]:
    degrees = int((image.facts.angle or "0").rstrip("°"))
    told: dict[str, Any] = {
        "angle": degrees,
        "angleLabel": NAMES.get(degrees, f"{degrees}°").title(),
        "success": image.facts.state is ImageState.STORED,
    }
    if told["success"]:
        return told | {"imageUrl": image.picture_url, "attachId": image.facts.attach_id}
    return told | {"errorMessage": image.facts.reason or "It was not made."}


@router.get("/api/multiview/check-credits")
@needs(OWN, legacy=True)
def check_credits(
    services: Services,
    caller: CallerOf,
    org: OwnOrg,
    user: Annotated[str | None, Query(alias="userId", max_length=60)] = None,
    count: Annotated[str | None, Query(alias="angleCount", max_length=10)] = None,
) -> JSONResponse:
    """What a turn-around would cost, the front among its angles, and whether its payer has it."""
    member = user_of(caller, user)
    if member is None:
        return _refused("userId is missing.", RefusalCode.UNAUTHORIZED)
    try:
        found = multiview_credits(services, member, org, read_count(count))
    except InvalidInput as error:
        return _refused(str(error), RefusalCode.INVALID_REQUEST)
    except NotFound as error:
        return _refused(str(error), RefusalCode.UNAUTHORIZED)
    told: dict[str, Any] = {
        "success": True,
        "creditSource": "personal" if found.organization is None else "organization",
        "availableCredits": found.available,
        "personalCredits": found.personal,
        "canFallback": False,
        "pricePerImage": found.price,
        "maxAngles": min(ROUND, found.most),
        "requestedAngles": found.angles,
        "requiredCredits": found.required,
        "canGenerate": found.available >= found.required,
        "defaultAngles": list(DEFAULT_ANGLES),
    }
    if found.organization is not None:
        told["orgCredits"] = found.organization
    return JSONResponse(told)
