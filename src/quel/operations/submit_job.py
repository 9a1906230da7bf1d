"""Writes a job and pushes its id the way the front end does.

What can be wrong with it is found before anything is written; the id is pushed last, so that what fails in
between leaves nothing that runs. Under a key the same request twice is one job, whatever dies in between: the
key is written in the job's own transaction, and pictures that were uploaded before are uploaded to the same
places again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from quel.core.errors import Conflict, InvalidInput, KeyReused, ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.operations.submit_job import EarlierSubmission, NewJob, PictureFile, SubmissionKey, Upload
from quel.operations.action_log import recorded
from quel.operations.job_list import find_jobs
from quel.operations.payer import check_known
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class SubmittedJob:
    """The job that was written; `unpushed` says why its id may not be on the list, if so.

    `facts` are what was kept with the key; `replayed` where an earlier request wrote the job.
    """

    job_id: UUID
    created_at: datetime
    unpushed: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    replayed: bool = False


def check_job(services: OperatorServices, job: NewJob) -> None:
    """Raises Conflict with every problem that the job's plan has, SettingsError; no neighbour is asked."""
    problems = preview_row(services, job.row).problems
    if problems:
        raise Conflict(f"It cannot be run, and nothing is written: {' '.join(problems)}")


def callback_url_of(services: OperatorServices, job: NewJob) -> str | None:
    """Where the job's end is to be told of. Raises InvalidInput for a receiver that no webhook may go to."""
    if job.callback_url is None:
        return None
    problem = services.settings.webhooks.callback_problem(job.callback_url)
    if problem is not None:
        raise InvalidInput(problem)
    return str(job.callback_url)


def submitted_before(services: OperatorServices, key: SubmissionKey) -> SubmittedJob | None:
    """The job that was submitted under the key, None where it is new; one that still waits is pushed again.

    Raises KeyReused where another body came with it, ServiceUnavailable, DatabaseError.
    """
    earlier: EarlierSubmission | None = services.submit_job.earlier(key)
    if earlier is None:
        return None
    if earlier.body_sha256 != key.body_sha256:
        raise KeyReused("This key was used for another request: choose a new one for each job.")
    waits = [view for view in find_jobs(services, [earlier.job_id]) if view.status is JobStatus.PENDING]
    unpushed = push_new(services, earlier.job_id) if waits else None
    return SubmittedJob(earlier.job_id, earlier.created_at, unpushed, earlier.facts, replayed=True)


def submit_job(
    services: OperatorServices,
    job: NewJob,
    pictures: Mapping[str, PictureFile],
    *,
    key: SubmissionKey | None = None,
    facts: Mapping[str, Any] | None = None,
) -> SubmittedJob:
    """Uploads the pictures, writes attachments, production and job, pushes the id.

    `pictures` holds each of `job.picture_files` by that name; `facts` are kept with the key. Raises
    InvalidInput where one is missing or the job's callback_url is not allowed, NotFound for a payer without a
    row, Conflict where the key was used at this very moment, StorageRefused, SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    missing = [name for name in job.picture_files if name not in pictures]
    if missing:
        raise InvalidInput(f"No picture was given for {', '.join(missing)}.")
    callback_url = callback_url_of(services, job)
    services.settings.require("DATABASE_URL", *(("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if pictures else ()))
    check_known(services, job)
    services.ping_redis()  # while there is nothing to take back
    uploads = {
        name: _upload(services, picture, key.upload_id(name) if key else uuid4())
        for name, picture in pictures.items()
    }
    job_id, told = uuid4(), facts or {}
    with recorded(services, "submit", [job_id], must=False):
        created_at = services.submit_job.write(
            job_id,
            job.row,
            uploads,
            member_id=job.member_id,
            org_id=job.org_id,
            callback_url=callback_url,
            key=key,
            facts=told,
        )
    return SubmittedJob(job_id, created_at, push_new(services, job_id), told)


def _upload(services: OperatorServices, picture: PictureFile, own: UUID) -> Upload:
    """Puts a picture where the front end puts uploads: rows name it without the folder (SPEC 1.5)."""
    path = f"upload-{own.hex}{picture.ending}"
    services.storage.write_upload(f"uploads/{path}", picture.data, picture.mime_type)
    return Upload(picture.name, path, len(picture.data), picture.mime_type)


def push_new(services: OperatorServices, job_id: UUID) -> str | None:
    """Pushes a job that is written; why it may not be on the list, if so."""
    try:
        services.push(job_id)
    except ServiceUnavailable as error:
        return f"{error} Job {job_id} is written but may not be pushed; the sweep starts it later."
    return None
