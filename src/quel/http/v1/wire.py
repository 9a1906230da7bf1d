"""Jobs as /api/v1 tells them: names and forms that clients rely on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from quel.core.job import JobStatus
from quel.core.operations.action_log import Action
from quel.core.operations.job_list import JobView
from quel.core.operations.job_page import JobPage, ShownImage, ShownReference
from quel.core.operations.submit_job import NewJob
from quel.operations.submit_job import SubmittedJob


class Wire(BaseModel):
    """What is told."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Asked(BaseModel):
    """What is asked for: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Job(Wire):
    """A job as it stands."""

    job_id: UUID
    type: str
    status: JobStatus
    path: str
    total: int
    completed: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    recoveries: int
    error_message: str | None
    is_settled: bool
    """Nothing more will be made of it: it is closed, or was cancelled before there was a plan of it."""


class JobList(Wire):
    """A page of jobs; the cursors of the pages beside it, null where there is none."""

    items: list[Job]
    next: str | None
    prev: str | None


class Image(Wire):
    """An image of a job; `no` and `stage` count from 1."""

    no: int
    stage: int
    angle: str | None
    shot: str | None
    fx: str | None
    state: str
    waits_for: str | None
    """Why it is not made yet, as a sentence."""
    attempts: int
    """Calls of the provider that failed."""
    reason_code: str | None
    reason: str | None
    cost_usd: float
    charged: int
    attach_id: int | None
    picture_url: str | None
    seed: int
    history: list[dict[str, Any]]
    prompt: str | None
    """Only with `prompts=true`."""


class JobDetail(Job):
    """A job with its images."""

    production_id: UUID | None
    member_id: UUID | None
    org_id: UUID | None
    payer_kind: str | None
    payer_id: UUID | None
    price: int | None
    charged: int
    cost_usd: float
    waits_for: str | None
    warnings: list[str]
    images: list[Image]
    references: list[ShownReference]
    actions: list[Action]


class Submitted(Wire):
    """A job that was ordered. `credits` is what it costs when every image succeeds."""

    job_id: UUID
    status: JobStatus
    type: str
    path: str | None
    total: int
    credits: int
    created_at: datetime
    warning: str | None
    """Why it may begin a few minutes later, if so."""


def job_of(view: JobView) -> Job:
    """The job as it is told."""
    return Job(**_fields(view))


def _fields(view: JobView) -> dict[str, Any]:
    return {
        "job_id": view.job_id,
        "type": view.job_type,
        "status": view.status,
        "path": view.path,
        "total": view.total_images,
        "completed": view.completed,
        "failed": view.failed,
        "created_at": view.created_at,
        "started_at": view.started_at,
        "completed_at": view.completed_at,
        "recoveries": view.recoveries,
        "error_message": view.error_message,
        "is_settled": view.is_settled,
    }


def detail_of(page: JobPage, *, names_actors: bool) -> JobDetail:
    """The job as it is told, with who acted only to those who may know."""
    job = page.job
    return JobDetail(
        **_fields(job.view),
        production_id=job.production_id,
        member_id=job.member_id,
        org_id=job.org_id,
        payer_kind=job.payer_kind,
        payer_id=job.payer_id,
        price=job.price,
        charged=page.charged,
        cost_usd=page.cost_usd,
        waits_for=page.waits_for,
        warnings=list(job.warnings),
        images=_images(page.images),
        references=list(job.references),
        actions=list(job.actions) if names_actors else [],
    )


def _images(images: Sequence[ShownImage]) -> list[Image]:
    return [
        Image(
            no=each.facts.image,
            stage=each.facts.stage,
            angle=each.facts.angle,
            shot=each.facts.shot,
            fx=each.facts.fx,
            state=each.facts.state,
            waits_for=each.waits_for,
            attempts=each.facts.failed_calls,
            reason_code=each.facts.reason_code,
            reason=each.facts.reason,
            cost_usd=each.facts.cost_usd,
            charged=each.facts.charged,
            attach_id=each.facts.attach_id,
            picture_url=each.picture_url,
            seed=each.facts.seed,
            history=[dict(note) for note in each.facts.history],
            prompt=each.facts.prompt,
        )
        for each in images
    ]


def facts_of(job: NewJob, *, path: str | None, credits: int) -> dict[str, Any]:
    """What is told of a job that was ordered, and told again to whoever asks with the same key."""
    return {
        "type": str(job.row["job_type"]),
        "path": path,
        "total": job.row["total_images"],
        "credits": credits,
    }


def submitted_of(job: SubmittedJob) -> Submitted:
    """The job that was ordered, as it is told."""
    return Submitted(
        job_id=job.job_id,
        status=JobStatus.PENDING,
        created_at=job.created_at,
        warning=None if job.replayed else job.unpushed,
        **job.facts,
    )
