"""Whether a job has moved since the sweep looked, asked again under its lock before a verdict is carried out.

Between a look and an act a worker may have taken the job up, called the provider or paid for a picture; what
has moved is judged anew in the next sweep. The images are locked as well: a worker takes one without locking
its job.
"""

from sqlalchemy import Connection, bindparam, exists, func, select
from sqlmodel import col

from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.schema.pipeline_tables import PipelineImage, PipelineJob
from quel.adapters.postgres.schema.product_tables import Job
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob

_LOCK = (
    select(
        STATUS.label("status"),
        col(Job.updated_at),
        exists().where(col(PipelineJob.job_id) == col(Job.job_id)).label("claimed"),
    )
    .where(col(Job.job_id) == bindparam("job_id"))
    .with_for_update(key_share=True)
)

_LOCK_IMAGES = (
    select(
        func.greatest(col(PipelineImage.updated_at), col(PipelineJob.updated_at)).label("moved_at"),
        (
            (col(PipelineImage.state) == ImageState.GENERATING)
            & (col(PipelineImage.lease_until) >= func.now())
        ).label("leased"),
    )
    .select_from(PipelineImage)
    .join(PipelineJob, col(PipelineJob.job_id) == col(PipelineImage.job_id))
    .where(col(PipelineImage.job_id) == bindparam("job_id"))
    .order_by(col(PipelineImage.image_no))
    .with_for_update(of=PipelineImage, key_share=True)
)


def is_unmoved(
    connection: Connection, job: PendingJob | ProcessingJob | Orphan, *, to_close: bool = False
) -> bool:
    """Whether the job is as the sweep saw it. Locks its row, and its images where quel has planned it.

    `to_close`: then no lease of an image may be alive either, which its holder prolongs without moving it.
    """
    row = connection.execute(_LOCK, {"job_id": job.job_id}).one_or_none()
    if row is None:
        return False
    match job:
        case PendingJob():
            return bool(row.status == JobStatus.PENDING and row.updated_at == job.moved_at)
        case Orphan():
            was = row.status == JobStatus.PROCESSING and row.updated_at == job.moved_at
            return bool(was and not row.claimed)
        case ProcessingJob():
            return row.status == JobStatus.PROCESSING and _images_unmoved(connection, job, to_close)


def _images_unmoved(connection: Connection, job: ProcessingJob, to_close: bool) -> bool:
    images = connection.execute(_LOCK_IMAGES, {"job_id": job.job_id}).all()
    if not images or (to_close and any(image.leased for image in images)):
        return False
    return bool(max(image.moved_at for image in images) == job.moved_at)
