"""The job's counters, always counted anew from its images, under the job's lock.

Lock order everywhere: the job's row before its images and before its payer. Whoever takes an image for a call
locks nothing after it but a lock that only such takes know.
"""

from uuid import UUID

from sqlalchemy import Connection, bindparam, select, text
from sqlmodel import col

from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.schema.product_tables import Job
from quel.core.generate_image import Progress

_LOCK = select(STATUS).where(col(Job.job_id) == bindparam("job_id")).with_for_update(key_share=True)

_COUNT = text(f"""
UPDATE public.quel_production_jobs j
SET completed_images = c.stored, failed_images = c.failed,
    generated_attach_ids = c.attach_ids || (SELECT extra_attach_ids FROM quel.job WHERE job_id = :job_id)
FROM (
    SELECT count(*) FILTER (WHERE state = 'stored') AS stored,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE {is_open("i")}) AS remaining,
           count(*) AS planned,
           count(*) FILTER (WHERE stage = :stage AND state = 'stored') AS stage_stored,
           count(*) FILTER (WHERE stage = :stage AND {is_open("i")}) AS stage_remaining,
           count(*) FILTER (WHERE stage = :stage) AS stage_planned,
           coalesce(jsonb_agg(attach_id ORDER BY image_no) FILTER (WHERE attach_id IS NOT NULL), '[]')
               AS attach_ids
    FROM quel.image i WHERE job_id = :job_id
) c
WHERE j.job_id = :job_id AND j.job_status = 'processing'
RETURNING c.stored, c.failed, c.remaining, c.planned, c.stage_stored, c.stage_remaining, c.stage_planned,
          extract(epoch FROM now() - coalesce(j.started_at, now()))::float8 AS seconds
""")  # noqa: S608 - constants of ours


def lock_job(connection: Connection, job_id: UUID) -> str | None:
    """Locks the job's row; its status, or None where the row is gone."""
    status: str | None = connection.scalar(_LOCK, {"job_id": job_id})
    return status


def count_progress(connection: Connection, job_id: UUID, stage: int) -> Progress | None:
    """Writes completed_images, failed_images and generated_attach_ids (in plan order) of a locked job.

    A job that is not processing (any more) is not written to: None.
    """
    row = connection.execute(_COUNT, {"job_id": job_id, "stage": stage}).one_or_none()
    return Progress(**row._mapping) if row else None
