"""Whether a job has moved since the sweep looked, asked again under its lock before a verdict is carried out.

Between a look and an act a worker may have taken the job up, called the provider or paid for a picture; what
has moved is judged anew in the next sweep. The images are locked as well: a worker takes one without locking
its job.
"""

from sqlalchemy import Connection, text

from quel.core.job import JobStatus
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob

_LOCK = text("""
SELECT coalesce(j.job_status, 'pending') AS status, j.updated_at,
       EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id) AS claimed
FROM public.quel_production_jobs j WHERE j.job_id = :job_id FOR NO KEY UPDATE
""")

_LOCK_IMAGES = text("""
SELECT i.updated_at, q.updated_at AS job_updated_at,
       i.state = 'generating' AND i.lease_until >= now() AS leased
FROM quel.image i JOIN quel.job q ON q.job_id = i.job_id
WHERE i.job_id = :job_id ORDER BY i.image_no FOR NO KEY UPDATE OF i
""")


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
    return bool(max(max(image.updated_at, image.job_updated_at) for image in images) == job.moved_at)
