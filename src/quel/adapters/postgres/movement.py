"""Whether a job has moved since the sweep looked, asked again under its lock before a verdict is carried out.

Between a look and an act a worker may have taken the job up, called the provider or paid for a picture; what
has moved is judged anew in the next sweep. The images are locked as well: a worker takes one without locking
its job.
"""

from sqlalchemy import Connection, bindparam, exists, select, text
from sqlmodel import col

from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.schema.pipeline_tables import PipelineJob
from quel.adapters.postgres.schema.product_tables import Job
from quel.core.job import JobStatus
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

WAITS_UNTIL = "CASE i.state WHEN 'made' THEN greatest(i.updated_at, i.not_before) ELSE i.updated_at END"
"""When an image `i` last moved, as SQL; a pause at Storage is no silence."""

_LOCK_IMAGES = text(f"""
SELECT greatest({WAITS_UNTIL}, q.updated_at) AS moved_at, i.lease_until >= now() AS leased
FROM quel.image i JOIN quel.job q ON q.job_id = i.job_id
WHERE i.job_id = :job_id ORDER BY i.image_no FOR NO KEY UPDATE OF i
""")  # noqa: S608 - constants of ours


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
