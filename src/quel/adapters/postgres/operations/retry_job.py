"""Takes ended jobs up again, in one transaction and by compare-and-set: either all of it happens or nothing.

What was delivered stays as it is; what is planned again or added starts with fresh counts, and the job's
counters are counted anew from its images.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, TextClause, Update, bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import col

from quel.adapters.postgres.claim_job import PLAN
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import lock_balance, read_held
from quel.adapters.postgres.image_state import RETRY, SOME_IMAGES, move
from quel.adapters.postgres.progress import count_progress, lock_job
from quel.adapters.postgres.schema.pipeline_tables import PendingJobInHand, PipelineImage, PipelineJob
from quel.adapters.postgres.schema.product_tables import Job, Production
from quel.adapters.postgres.tally_hour import unmake_hour
from quel.adapters.postgres.turns import next_turn
from quel.core.credits import Payer, PayerKind, account_gone, cannot_afford
from quel.core.engines import Maker
from quel.core.job import JobPlan, JobStatus
from quel.core.operations.make_again import MadeAgain
from quel.core.operations.retry_job import EndedJob
from quel.core.pipeline import ImageState

_LOAD = text("""
SELECT j.job_id, coalesce(j.job_status, 'pending') AS status,
       j.completed_at IS NOT NULL OR j.job_status IN ('completed', 'failed') AS is_closed,
       q.price, q.payer_kind, q.payer_id, q.prompts_kept,
       CASE q.payer_kind
           WHEN 'organization' THEN (SELECT coalesce(org_credit, 0) FROM public.quel_organization
                                     WHERE org_id = q.payer_id AND org_status = 'active')
           ELSE (SELECT coalesce(quel_member_credit, 0) FROM public.quel_member
                 WHERE quel_member_id = q.payer_id)
       END AS balance,
       (SELECT jsonb_agg(jsonb_build_array(i.image_no, i.state) ORDER BY i.image_no)
        FROM quel.image i WHERE i.job_id = q.job_id) AS images,
       ARRAY(SELECT i.image_no FROM quel.image i WHERE i.job_id = q.job_id AND i.is_free) AS free
FROM public.quel_production_jobs j JOIN quel.job q ON q.job_id = j.job_id
WHERE j.job_id = :job_id
""")

# started_at is that of this run: the duration of a production must not count the days in between.
_REOPEN = """
UPDATE public.quel_production_jobs
SET job_status = 'processing', started_at = now(), completed_at = NULL, error_message = NULL, retry_count = 0,
    total_images = total_images + :added
WHERE job_id = :job_id AND job_status NOT IN ('pending', 'processing')
  AND (completed_at IS NOT NULL OR job_status IN ('completed', 'failed'))
  AND EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = :job_id AND q.prompts_kept = :prompts_kept)
"""

_REOPEN_FOR_THESE = text(f"""{_REOPEN}
  AND :count = (SELECT count(*) FROM quel.image i WHERE {SOME_IMAGES} AND {RETRY.applies()})
RETURNING production_id
""")  # noqa: S608 - constants of ours

_REOPEN_FOR_MORE = text(f"""{_REOPEN}
  AND :count = (SELECT count(*) FROM quel.image i WHERE i.job_id = :job_id)
RETURNING production_id
""")  # noqa: S608 - constants of ours

# A run of its own, as where an image is made again: some kinds' object keys do not name the image.
_ADD = text("""
INSERT INTO quel.image
    (job_id, image_no, path, customer, turn, text_only, engine, workflow, stage, item, number, seed, series,
     state, is_free, degrees, run)
SELECT i.job_id, m.image_no, i.path, i.customer, CAST(:turn AS bigint) + m.position, i.text_only, i.engine,
       i.workflow, i.stage, i.item, i.number, m.seed, i.series, 'planned', i.is_free, i.degrees,
       m.position + (SELECT max(o.run) + 1 FROM quel.image o WHERE o.job_id = i.job_id)
FROM jsonb_to_recordset(CAST(:images AS jsonb)) AS m(of int, image_no int, position int, seed bigint)
JOIN quel.image i ON i.job_id = :job_id AND i.image_no = m.of
""")

_RETRY = move(RETRY, SOME_IMAGES)
_WHOSE = select(col(PipelineImage.customer), col(PipelineImage.engine), col(PipelineImage.workflow)).where(
    col(PipelineImage.job_id) == bindparam("of_job"), col(PipelineImage.image_no) == bindparam("first")
)

# By its id alone: the statement that writes the plan holds prompts, and must not wait.
_LOCK_PLAN = (
    select(col(PipelineJob.job_id))
    .where(col(PipelineJob.job_id) == bindparam("job_id"))
    .with_for_update(key_share=True)
)

_IN_HAND = insert(PendingJobInHand).on_conflict_do_nothing()

_PRODUCTION_PROCESSING = (
    update(Production)
    .where(col(Production.production_id) == bindparam("of_production"))
    .values({col(Production.production_status): JobStatus.PROCESSING})
)


class RetryJobRows:
    """The rows `quel retry` reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, job_id: UUID) -> EndedJob | None:
        """A job with its images and payer, or None where quel has no plan of it."""
        return self._database.run(lambda connection: _load(connection, job_id))

    def reopen(self, job: EndedJob, image_nos: Sequence[int], plan: JobPlan | None = None) -> str | None:
        """Plans the images again and holds their credits; or a sentence why not, and nothing changed.

        `plan` takes the place of one that has lost the customer's words.
        """
        return self._database.run(lambda connection: _reopen(connection, job, list(image_nos), plan))

    def plan_of(self, job_id: UUID) -> JobPlan:
        """The plan of a job that quel has planned, without words where they are no longer kept."""
        return self._database.run(lambda connection: _plan_of(connection, job_id))

    def add(self, job: EndedJob, made: MadeAgain) -> str | None:
        """Adds images to the job and holds their credits; or a sentence why not, and nothing changed."""
        return self._database.run(lambda connection: _add(connection, job, made))

    def reopen_unplanned(self, job_id: UUID, status: JobStatus) -> bool:
        """Sets a job without a plan back to pending, to be fetched anew; False when it moved meanwhile."""

        def work(connection: Connection) -> bool:
            row = connection.execute(_pending_again(job_id, status)).one_or_none()
            if row is not None:
                connection.execute(_PRODUCTION_PROCESSING, {"of_production": row.production_id})
                connection.execute(_IN_HAND, {"job_id": job_id})  # the sweep minds it, whatever its age
                unmake_hour(connection, job_id)
            return row is not None

        return self._database.run(work)


def _load(connection: Connection, job_id: UUID) -> EndedJob | None:
    row = connection.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    return EndedJob(
        job_id=job_id,
        status=JobStatus(row.status),
        is_closed=row.is_closed,
        images=tuple((image_no, ImageState(state)) for image_no, state in row.images or ()),
        price=row.price,
        payer_kind=PayerKind(row.payer_kind),
        payer_id=row.payer_id,
        balance=row.balance,
        prompts_kept=row.prompts_kept,
        free=frozenset(row.free),
        held=read_held(connection, PayerKind(row.payer_kind), row.payer_id, but_for=job_id),
    )


def _reopen(
    connection: Connection, ended: EndedJob, image_nos: list[int], plan: JobPlan | None
) -> str | None:
    values: dict[str, object] = {"image_nos": image_nos, "count": len(image_nos), "added": 0}
    turn = _take_up(connection, ended, ended.charged(image_nos), _REOPEN_FOR_THESE, values, min(image_nos))
    if isinstance(turn, str):
        return turn
    if plan is not None:
        _write_plan(connection, ended.job_id, plan)
    connection.execute(_RETRY, values | {"job_id": ended.job_id, "turn": turn})
    count_progress(connection, ended.job_id, stage=0)
    return None


def _add(connection: Connection, ended: EndedJob, made: MadeAgain) -> str | None:
    values: dict[str, object] = {"count": len(ended.images), "added": len(made.images)}
    turn = _take_up(connection, ended, made.charged, _REOPEN_FOR_MORE, values, made.images[0].of)
    if isinstance(turn, str):
        return turn
    _write_plan(connection, ended.job_id, made.plan)
    images = [
        {"of": one.of, "image_no": one.image.image_no, "position": position, "seed": one.image.seed}
        for position, one in enumerate(made.images)
    ]
    connection.execute(_ADD, {"job_id": ended.job_id, "turn": turn, "images": json.dumps(images)})
    count_progress(connection, ended.job_id, stage=0)
    return None


def _take_up(
    connection: Connection,
    ended: EndedJob,
    charged: int,
    reopen: TextClause,
    values: dict[str, object],
    like: int,
) -> int | str:
    """Opens the job again for so many charged images; the turn of their first, which is like image `like`.

    Or a sentence why not, and nothing changed.
    """
    job_id = ended.job_id
    lock_job(connection, job_id)
    balance = lock_balance(connection, ended.payer_kind, ended.payer_id)
    if balance is None:
        return account_gone(ended.payer_kind)
    held = read_held(connection, ended.payer_kind, ended.payer_id, but_for=job_id)
    payer = Payer(ended.payer_kind, ended.payer_id, balance, ended.payer_id)
    refusal = cannot_afford(payer, charged, ended.price, held=held)
    if refusal is not None:
        return refusal
    whose = values | {"job_id": job_id, "prompts_kept": ended.prompts_kept}
    job = connection.execute(reopen, whose).one_or_none()
    if job is None:
        return "The job moved at this very moment: look at it and try again."
    connection.execute(_fresh_recoveries(job_id))
    connection.execute(_PRODUCTION_PROCESSING, {"of_production": job.production_id})
    unmake_hour(connection, job_id)
    of = connection.execute(_WHOSE, {"of_job": job_id, "first": like}).one()
    return next_turn(connection, of.customer, Maker(of.engine, of.workflow))


def _plan_of(connection: Connection, job_id: UUID) -> JobPlan:
    stored = select(col(PipelineJob.plan)).where(col(PipelineJob.job_id) == job_id)
    return PLAN.validate_python(connection.scalars(stored).one())


def _write_plan(connection: Connection, job_id: UUID, plan: JobPlan) -> None:
    connection.execute(_LOCK_PLAN, {"job_id": job_id})
    connection.execute(_with_plan(job_id, plan))


def _with_plan(job_id: UUID, plan: JobPlan) -> Update:
    values = {col(PipelineJob.plan): PLAN.dump_python(plan, mode="json"), col(PipelineJob.prompts_kept): True}
    return update(PipelineJob).where(col(PipelineJob.job_id) == job_id).values(values)


def _fresh_recoveries(job_id: UUID) -> Update:
    stored = (
        select(func.count())
        .select_from(PipelineImage)
        .where(col(PipelineImage.job_id) == job_id, col(PipelineImage.state) == ImageState.STORED)
    )
    return (
        update(PipelineJob)
        .where(col(PipelineJob.job_id) == job_id)
        .values(
            {
                col(PipelineJob.fruitless_recoveries): 0,
                col(PipelineJob.ended_elsewhere): False,
                col(PipelineJob.not_before): func.now(),
                col(PipelineJob.updated_at): func.now(),
                col(PipelineJob.stored_at_recovery): stored.scalar_subquery(),
            }
        )
    )


def _pending_again(job_id: UUID, status: JobStatus) -> ReturningUpdate[UUID | None]:
    return (
        update(Job)
        .where(
            col(Job.job_id) == job_id,
            col(Job.job_status) == status,
            ~exists().where(col(PipelineJob.job_id) == col(Job.job_id)),
        )
        .values(
            {
                col(Job.job_status): JobStatus.PENDING,
                col(Job.completed_at): None,
                col(Job.error_message): None,
                col(Job.failed_images): 0,
                col(Job.retry_count): 0,
            }
        )
        .returning(col(Job.production_id))
    )
