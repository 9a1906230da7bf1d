"""Closes productions: with each job that closes its ids grow, and when the last has ended it ends as well."""

from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    Text,
    Update,
    bindparam,
    cast,
    exists,
    extract,
    func,
    select,
    text,
    update,
)
from sqlmodel import col

from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.schema.product_tables import Job, Production
from quel.core.finalize_job import OPEN_STATUSES, ClosingFacts, JobEnd, merge_attach_ids, settle_production
from quel.core.job import JobStatus
from quel.core.job_end import MergedIds

_LOCK_PRODUCTION = (
    select(col(Production.attach_ids))
    .where(col(Production.production_id) == bindparam("production_id"))
    .with_for_update(key_share=True)
)

_SIBLINGS = select(
    func.array_agg(cast(STATUS, Text)).label("statuses"),
    extract("epoch", func.now() - func.coalesce(func.min(col(Job.started_at)), func.now())).label("seconds"),
).where(col(Job.production_id) == bindparam("production_id"))

_CLOSE_PRODUCTION = (
    update(Production)
    .where(col(Production.production_id) == bindparam("closed"))
    .values(
        {
            col(Production.production_status): bindparam("status"),
            col(Production.attach_ids): bindparam("ids"),
            col(Production.generated_image_count): func.coalesce(col(Production.generated_image_count), 0)
            + bindparam("new", type_=Integer),
            col(Production.processing_duration_seconds): bindparam("seconds"),
            col(Production.input_images_count): func.greatest(
                bindparam("input_images", type_=Integer), col(Production.input_images_count)
            ),
        }
    )
)

_OUT_OF_STEP = text("""
SELECT p.production_id, array_agg(coalesce(j.job_status::text, 'pending')) AS statuses
FROM public.quel_production_photo p
JOIN public.quel_production_jobs j ON j.production_id = p.production_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
LEFT JOIN quel.pending_job h ON h.job_id = j.job_id
WHERE p.production_status = 'processing'
GROUP BY p.production_id
HAVING bool_and(coalesce(j.job_status, 'pending') IN ('completed', 'failed', 'cancelled', 'user_cancelled'))
   AND max(coalesce(j.completed_at, j.updated_at)) < now() - interval '1 minute'
   AND bool_or(q.job_id IS NOT NULL OR h.job_id IS NOT NULL)
LIMIT :most
""")

_LONGEST_S = 2**31 - 1  # what the column holds: another server's started_at may be the year 1


def close_production(connection: Connection, facts: ClosingFacts, end: JobEnd) -> MergedIds | None:
    """Merges what a job delivered into its production, and settles the production from all its jobs.

    The job is locked and its row written. None for a job that has no production.
    """
    keys = {"production_id": facts.production_id}
    production = connection.execute(_LOCK_PRODUCTION, keys).one_or_none() if facts.production_id else None
    if production is None:
        return None
    siblings = connection.execute(_SIBLINGS, keys).one()
    existing = production.attach_ids if isinstance(production.attach_ids, list) else []
    merged, new = merge_attach_ids(existing, end.attach_ids)
    values = {
        "closed": facts.production_id,
        "status": settle_production([JobStatus(status) for status in siblings.statuses]),
        "ids": merged,
        "new": new,
        "seconds": min(max(0, round(siblings.seconds)), _LONGEST_S),
        "input_images": facts.input_images,
    }
    connection.execute(_CLOSE_PRODUCTION, values)
    return MergedIds(len(existing), new)


def close_productions(connection: Connection, *, most: int) -> int:
    """Closes at most so many productions whose jobs have all ended a while ago; how many."""
    rows = connection.execute(_OUT_OF_STEP, {"most": most}).all()
    for row in rows:
        status = settle_production([JobStatus(status) for status in row.statuses])
        connection.execute(_closed(row.production_id, status))
    return len(rows)


def _closed(production_id: UUID, status: JobStatus) -> Update:
    """Closes a production unless a job of its has been opened meanwhile."""
    open_job = exists().where(
        col(Job.production_id) == col(Production.production_id), STATUS.in_(sorted(OPEN_STATUSES))
    )
    return (
        update(Production)
        .where(
            col(Production.production_id) == production_id,
            col(Production.production_status) == JobStatus.PROCESSING,
            ~open_job,
        )
        .values({col(Production.production_status): status})
    )
