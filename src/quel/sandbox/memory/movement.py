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
    return max(claimed.updated_at, *(image.updated_at for image in images))


def is_leased(tables: Tables, image: PipelineImage) -> bool:
    """Whether somebody holds the image: its lease is alive."""
    if image.state is not ImageState.GENERATING or image.lease_until is None:
        return False
    return image.lease_until >= tables.clock.now
