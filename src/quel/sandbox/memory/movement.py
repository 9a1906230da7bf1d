"""Whether a job has moved since the sweep looked, in memory."""

from datetime import datetime

from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob
from quel.sandbox.memory.tables import PipelineImage, PipelineJob, Tables


def is_unmoved(tables: Tables, job: PendingJob | ProcessingJob | Orphan, *, to_close: bool = False) -> bool:
    """Whether the job is as the sweep saw it; `to_close`: no lease of an image may be alive either."""
    row = tables.jobs.get(job.job_id)
    if row is None:
        return False
    match job:
        case PendingJob():
            return row.job_status is JobStatus.PENDING and row.updated_at == job.moved_at
        case Orphan():
            was = row.job_status is JobStatus.PROCESSING and row.updated_at == job.moved_at
            return was and job.job_id not in tables.pipeline_jobs
        case ProcessingJob():
            images = tables.images_of(job.job_id)
            if row.job_status is not JobStatus.PROCESSING or not images:
                return False
            if to_close and any(is_leased(tables, image) for image in images):
                return False
            return moved_at(tables.pipeline_jobs[job.job_id], images) == job.moved_at


def moved_at(claimed: PipelineJob, images: list[PipelineImage]) -> datetime:
    """When a claimed job last moved."""
    return max(claimed.updated_at, *(_waits_until(image) for image in images))


def _waits_until(image: PipelineImage) -> datetime:
    """A pause at Storage is no silence."""
    is_made = image.state is ImageState.MADE
    return max(image.updated_at, image.not_before) if is_made else image.updated_at


def is_leased(tables: Tables, image: PipelineImage) -> bool:
    """Whether somebody holds the image: its lease is alive."""
    return image.lease_until is not None and image.lease_until >= tables.clock.now
