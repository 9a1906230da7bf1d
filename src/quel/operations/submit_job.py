"""Writes a job and pushes its id the way the front end does.

What can be wrong with it is found before anything is written; the id is pushed last, so that what fails in
between leaves nothing that runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from quel.core.errors import Conflict, InvalidInput, NotFound, ServiceUnavailable
from quel.core.operations.submit_job import NewJob, PictureFile, Upload
from quel.operations.action_log import recorded
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class SubmittedJob:
    """The job that was written; `unpushed` says why its id may not be on the list, if so."""

    job_id: UUID
    unpushed: str | None = None


def check_job(services: OperatorServices, job: NewJob) -> None:
    """Raises Conflict with every problem that the job's plan has, SettingsError; no neighbour is asked."""
    problems = preview_row(services, job.row).problems
    if problems:
        raise Conflict(f"It cannot be run, and nothing is written: {' '.join(problems)}")


def _callback_url(services: OperatorServices, job: NewJob) -> str | None:
    """Raises InvalidInput for a receiver that no webhook may go to."""
    if job.callback_url is None:
        return None
    problem = services.settings.webhooks.callback_problem(job.callback_url)
    if problem is not None:
        raise InvalidInput(problem)
    return str(job.callback_url)


def submit_job(services: OperatorServices, job: NewJob, pictures: Mapping[str, PictureFile]) -> SubmittedJob:
    """Uploads the pictures, writes attachments, production and job, pushes the id.

    `pictures` holds each of `job.picture_files` by that name. Raises InvalidInput where one is missing or the
    job's callback_url is not allowed, NotFound for a payer without a row, StorageRefused, SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    missing = [name for name in job.picture_files if name not in pictures]
    if missing:
        raise InvalidInput(f"No picture was given for {', '.join(missing)}.")
    callback_url = _callback_url(services, job)
    services.settings.require("DATABASE_URL", *(("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if pictures else ()))
    unknown = services.submit_job.unknown_payers(job.member_id, job.org_id)
    if unknown:
        raise NotFound(f"There is no {' and no '.join(unknown)}.")
    services.ping_redis()  # while there is nothing to take back
    uploads = {name: _upload(services, picture) for name, picture in pictures.items()}
    job_id = uuid4()
    with recorded(services, "submit", [job_id], must=False):
        services.submit_job.write(
            job_id,
            job.row,
            uploads,
            member_id=job.member_id,
            org_id=job.org_id,
            callback_url=callback_url,
        )
    return SubmittedJob(job_id, _push(services, job_id))


def _upload(services: OperatorServices, picture: PictureFile) -> Upload:
    """Puts a picture where the front end puts uploads: rows name it without the folder (SPEC 1.5)."""
    path = f"upload-{uuid4().hex}{picture.ending}"
    services.storage.write_upload(f"uploads/{path}", picture.data, picture.mime_type)
    return Upload(picture.name, path, len(picture.data), picture.mime_type)


def _push(services: OperatorServices, job_id: UUID) -> str | None:
    try:
        services.push(job_id)
    except ServiceUnavailable as error:
        return f"{error} Job {job_id} is written but may not be pushed; the sweep starts it later."
    return None
