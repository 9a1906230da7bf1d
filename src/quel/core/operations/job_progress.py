"""How far jobs are, and what whoever watches one is told of a change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class ImageProgress:
    """An image, counted from 1: its state, what was delivered, or the code of why not."""

    no: int
    state: str
    attach_id: int | None
    reason: str | None


@dataclass(frozen=True)
class JobProgress:
    """A job at one moment. `is_settled`: nothing more will happen to it."""

    job_id: UUID
    org_id: UUID | None
    path: str
    status: str
    completed: int
    failed: int
    total: int
    attach_ids: tuple[int, ...]
    is_settled: bool
    images: tuple[ImageProgress, ...] = ()


Told = tuple[str, dict[str, Any]]
"""An event's name, and its data."""


def changes(before: JobProgress | None, now: JobProgress) -> Iterator[Told]:
    """What is new since `before`, everything where that is None: the job, its images, and its end last."""
    job = _job(now)
    if before is None or _job(before) != job:
        yield "job", job
    known = {image.no: image for image in before.images} if before else {}
    for image in now.images:
        if known.get(image.no) != image:
            yield "image", _image(now, image)
    if now.is_settled and not (before and before.is_settled):
        yield "end", job


def _job(job: JobProgress) -> dict[str, Any]:
    return {
        "job_id": str(job.job_id),
        "status": job.status,
        "completed": job.completed,
        "failed": job.failed,
        "total": job.total,
        "attach_ids": list(job.attach_ids),
    }


def _image(job: JobProgress, image: ImageProgress) -> dict[str, Any]:
    told: dict[str, Any] = {"job_id": str(job.job_id), "no": image.no, "state": image.state}
    if image.attach_id is not None:
        told["attach_id"] = image.attach_id
    if image.reason is not None:
        told["reason"] = image.reason
    return told
