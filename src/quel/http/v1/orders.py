"""Jobs: ordered, and looked at before they are ordered."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.encoders import jsonable_encoder
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from quel.core.errors import Forbidden, InvalidInput
from quel.core.fetch_job import as_uuid
from quel.core.object_path import result_owner
from quel.core.operations.api_tokens import Caller, Role
from quel.core.operations.preview import Preview
from quel.core.operations.submit_job import MIME_TYPES, NewJob, PictureFile, SubmissionKey, read_job
from quel.core.request import user_id_of
from quel.http.guard import ORDERS, GuardedRoute, needs, read_json
from quel.http.problems import Problem
from quel.http.services import ApiOf, CallerOf, OwnOrg, Services
from quel.http.v1.wire import Submitted, facts_of, submitted_of
from quel.operations.payer import check_payer
from quel.operations.preview import preview_row
from quel.operations.submit_job import SubmittedJob, callback_url_of, submit_job, submitted_before

router = APIRouter(route_class=GuardedRoute, tags=["jobs"])

_ROW = {
    "type": "object",
    "description": "A job's row as `quel submit` takes it.",
    "required": ["job_type", "job_input_data", "total_images"],
    "properties": {
        "job_type": {"enum": ["single_batch", "pipeline_stage", "simple_general", "simple_portrait"]},
        "job_input_data": {"type": "object"},
        "total_images": {"type": "integer"},
        "quel_production_path": {"type": ["string", "null"], "maxLength": 50},
        "stage_name": {"type": ["string", "null"], "maxLength": 100},
        "stage_index": {"type": ["integer", "null"]},
        "batch_index": {"type": ["integer", "null"]},
        "quel_member_id": {"type": ["string", "null"], "format": "uuid"},
        "org_id": {"type": ["string", "null"], "format": "uuid"},
        "callback_url": {
            "type": ["string", "null"],
            "format": "uri",
            "description": "Told of the job's end by a webhook; its host must be one of QUEL_WEBHOOK_HOSTS.",
        },
    },
}
_FORM = {
    "type": "object",
    "description": "`job` is the row as JSON; each picture it names is a part under that name.",
    "required": ["job"],
    "properties": {"job": {"type": "string"}},
    "additionalProperties": {"type": "string", "contentMediaType": "application/octet-stream"},
}
_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _ROW}}}}
_EITHER_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _ROW}, "multipart/form-data": {"schema": _FORM}},
    }
}


@router.post("/jobs/preview", openapi_extra=_JSON_BODY)
@needs(ORDERS)
def preview_of(request: Request, services: Services, caller: CallerOf) -> Preview:
    """Look at what a job would make: images, pictures in order, prompts, credits, dollars, what is wrong."""
    return _previewed(services, _job(_row_of(request), caller))


@router.post(
    "/jobs",
    status_code=201,
    response_model=Submitted,
    responses={200: {"model": Preview, "description": "What it would make: `check` was asked for."}},
    openapi_extra=_EITHER_BODY,
)
@needs(ORDERS, files=True)
def order(
    request: Request,
    api: ApiOf,
    services: Services,
    caller: CallerOf,
    org_of_caller: OwnOrg,
    check: Annotated[bool, Query(description="Only preview; nothing is written.")] = False,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Response:
    """Order a job. With an `Idempotency-Key` the same request within a week is the same job."""
    job = _job(_row_of(request), caller)
    _check_callback(services, job)
    pictures = Pictures(request.scope["state"].get("form"), api.settings.max_reference_bytes)
    pictures.check(job)
    key = None
    if idempotency_key is not None:
        key = SubmissionKey(caller.name, _printable(idempotency_key), _digest(request, pictures))
    if check:
        return _answer(_previewed(services, job), 200)
    earlier = _earlier(services, key)
    if earlier is not None:
        return _created(earlier)
    found = _previewed(services, job)
    if found.problems:
        at_fault = [{"pointer": "/job_input_data", "detail": problem} for problem in found.problems]
        raise Problem(422, f"It cannot be run: {' '.join(found.problems)}", errors=at_fault)
    check_payer(services, job, found.credits, only_org=org_of_caller is not None)
    facts = facts_of(job, path=found.path, credits=found.credits)
    return _created(submit_job(services, job, pictures, key=key, facts=facts))


def _row_of(request: Request) -> Any:
    form = request.scope["state"].get("form")
    if form is None:
        return read_json(_body_of(request))
    job = form.get("job")
    if not isinstance(job, str):
        raise Problem(422, "The form has no field `job` with the job's row as JSON.")
    return read_json(job.encode("utf-8", "surrogatepass"))


def _body_of(request: Request) -> bytes:
    body: bytes = request.scope["state"]["body"]
    return body


def _job(row: Any, caller: Caller) -> NewJob:
    try:
        job = read_job(row)
    except InvalidInput as error:
        words = str(error)
        key = words.partition(" ")[0]
        pointer = f"/{key}" if isinstance(row, dict) and key.isidentifier() and key.islower() else ""
        raise Problem(422, words, errors=[{"pointer": pointer, "detail": words}]) from None
    return _own(job, caller) if caller.role is Role.CLIENT else job


def _own(job: NewJob, caller: Caller) -> NewJob:
    """The client's job. Raises Forbidden where it is another organization's, or speaks for another member."""
    if job.org_id not in (None, caller.org_id):
        raise Forbidden("This token orders for its own organization alone.")
    user_id = user_id_of(job.row["job_input_data"])
    named = (job.member_id, as_uuid(user_id), as_uuid(result_owner(user_id, None)))
    if any(each not in (None, caller.member_id) for each in named):
        raise Forbidden("This token orders for no member but that of its line (member=UUID).")
    return replace(job, org_id=caller.org_id)


def _check_callback(services: Services, job: NewJob) -> None:
    try:
        callback_url_of(services, job)
    except InvalidInput as error:
        at_fault = [{"pointer": "/callback_url", "detail": str(error)}]
        raise Problem(422, str(error), errors=at_fault) from None


def _previewed(services: Services, job: NewJob) -> Preview:
    try:
        return preview_row(services, job.row)
    except InvalidInput as error:
        raise Problem(422, str(error), errors=[{"pointer": "", "detail": str(error)}]) from None


def _printable(key: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise Problem(400, "Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def _earlier(services: Services, key: SubmissionKey | None) -> SubmittedJob | None:
    if key is None:
        return None
    try:
        return submitted_before(services, key)
    except InvalidInput as error:
        raise Problem(422, str(error), code=error.code) from None


def _created(job: SubmittedJob) -> Response:
    headers = {"Location": f"/api/v1/jobs/{job.job_id}"}
    if job.replayed:
        headers["Idempotency-Replayed"] = "true"
    return _answer(submitted_of(job), 201, headers)


class Pictures(Mapping[str, PictureFile]):
    """The pictures of a form by name, each read from the disk when it is its turn to be uploaded."""

    def __init__(self, form: FormData | None, most_bytes: int) -> None:
        self._files = {
            name: part for name, part in (form or FormData()).items() if isinstance(part, UploadFile)
        }
        self._most_bytes = most_bytes

    def __getitem__(self, name: str) -> PictureFile:
        return PictureFile(name, self._read(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def check(self, job: NewJob) -> None:
        """Raises Problem where they are not the pictures that the job names, or one is too large."""
        named = job.picture_files
        for name in named:
            if name not in self._files:
                raise Problem(422, f"No picture was given for {name!r}: send it as a part of that name.")
        for name, part in self._files.items():
            if name not in named:
                raise Problem(422, f"The job names no picture {name!r}.")
            if not name.lower().endswith(tuple(MIME_TYPES)):
                kinds = ", ".join(sorted(MIME_TYPES))
                raise Problem(422, f"{name!r} is no picture file by its name ({kinds}).")
            if (part.size or 0) > self._most_bytes:
                raise Problem(413, f"{name!r} may have {self._most_bytes:,} bytes.")

    def digests(self) -> Iterator[bytes]:
        """Name and SHA-256 of each, in the order of their names."""
        for name in sorted(self._files):
            yield name.encode("utf-8", "surrogatepass")
            yield sha256(self._read(name)).digest()

    def _read(self, name: str) -> bytes:
        file = self._files[name].file
        file.seek(0)
        return bytes(file.read())


def _digest(request: Request, pictures: Pictures) -> str:
    """Of what was sent; a form's boundary does not count."""
    form = request.scope["state"].get("form")
    if form is None:
        return sha256(_body_of(request)).hexdigest()
    whole = sha256(str(form.get("job")).encode("utf-8", "surrogatepass"))
    for part in pictures.digests():
        whole.update(len(part).to_bytes(4, "big") + part)
    return whole.hexdigest()


def _answer(told: Submitted | Preview, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(jsonable_encoder(told), status, headers=headers)
