"""Reads a job's plan and its attachments, and hands its planned images on with what the provider is shown."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Integer, Update, bindparam, exists, func, null, select, text, update
from sqlmodel import col

from quel.adapters.postgres.claim_job import PLAN
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import FAIL_TO_PREPARE, PREPARE
from quel.adapters.postgres.preparation_turn import renew_turns, set_back, take_turn, turn_waits
from quel.adapters.postgres.progress import lock_job
from quel.adapters.postgres.schema.pipeline_tables import PipelineImage, PipelineJob
from quel.adapters.postgres.schema.product_tables import Attach, Job
from quel.core.attachment import AttachmentPath, attachment_path
from quel.core.engines import Maker
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.prepare_inputs import (
    FailedImage,
    Lookahead,
    Preparation,
    PreparationTurn,
    Prepared,
    ReadyImage,
    SetBack,
)

_LOAD = text("""
SELECT q.plan, q.path, coalesce(j.job_status, 'pending') AS job_status, q.price,
       (SELECT jsonb_agg(jsonb_build_array(i.image_no, i.state, i.engine, i.workflow) ORDER BY i.image_no)
        FROM quel.image i WHERE i.job_id = q.job_id) AS states
FROM quel.job q JOIN public.quel_production_jobs j ON j.job_id = q.job_id
WHERE q.job_id = :job_id
""")

_ATTACHMENTS = select(
    col(Attach.attach_id), col(Attach.attach_file_path), col(Attach.attach_directory)
).where(col(Attach.attach_id).in_(bindparam("ids", expanding=True)))

_INPUT = select(col(Job.job_input_data)).where(col(Job.job_id) == bindparam("job_id"))

_READY = text(f"""
UPDATE quel.image i SET {PREPARE.set}
FROM jsonb_to_recordset(CAST(:images AS jsonb)) AS r(image_no int, request jsonb)
WHERE i.job_id = :job_id AND i.image_no = r.image_no AND {PREPARE.applies()}
RETURNING i.image_no
""")  # noqa: S608 - constants of ours

_FAIL = text(f"""
UPDATE quel.image i SET {FAIL_TO_PREPARE.set}
FROM jsonb_to_recordset(CAST(:images AS jsonb)) AS r(image_no int, code text, reason text)
WHERE i.job_id = :job_id AND i.image_no = r.image_no AND {FAIL_TO_PREPARE.applies()}
""")  # noqa: S608 - constants of ours

# PostgreSQL logs a statement that waits too long or fails, with its values: what carries prompts finds all it
# writes locked already.
_LOCK_IMAGES = (
    select(col(PipelineImage.image_no))
    .where(col(PipelineImage.job_id) == bindparam("job_id"))
    .order_by(col(PipelineImage.image_no))
    .with_for_update(key_share=True)
)

_THIS_JOB = update(PipelineJob).where(col(PipelineJob.job_id) == bindparam("the_job"))
_END = {col(PipelineJob.starts): 0, col(PipelineJob.prepared_by): null()}
_LET_GO = _THIS_JOB.values(_END)
_POSTPONE = _THIS_JOB.values(
    _END
    | {
        col(PipelineJob.postponed): bindparam("times", type_=Integer),
        col(PipelineJob.not_before): func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("pause_s")),
        col(PipelineJob.updated_at): func.now(),
    }
)

_OTHERS_WAIT = select(
    exists().where(
        col(PipelineImage.job_id) == bindparam("the_job"), col(PipelineImage.state) == ImageState.PLANNED
    )
)


class PrepareInputsRows:
    """The rows prepare_inputs reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, job_id: UUID) -> Preparation | None:
        """The plan of a claimed job and the states of its images, or None where quel has no plan of it."""
        return self._database.run(lambda connection: _load(connection, job_id))

    def take(self, lookahead: Lookahead, owner: str) -> PreparationTurn | None:
        """Leases the job whose turn it is to `owner` for as long as that is renewed; None for none."""
        return self._database.run(lambda connection: take_turn(connection, lookahead, owner))

    def waits(self, lookahead: Lookahead) -> bool:
        """Whether a job could be prepared now."""
        return self._database.run(lambda connection: turn_waits(connection, lookahead))

    def set_back(self, lookahead: Lookahead) -> SetBack | None:
        """Sends the last job behind whose turn it is, or of no such path, back to be prepared later."""
        return self._database.run(lambda connection: set_back(connection, lookahead))

    def renew(self, job_ids: Sequence[UUID]) -> None:
        """Prolongs the lease of jobs that are being prepared."""
        self._database.run(lambda connection: renew_turns(connection, job_ids))

    def postpone(self, job_id: UUID, *, pause_s: float, postponed: int) -> None:
        """Ends the lease of a job that is to be tried again after `pause_s`, and notes that it is not stuck.

        `postponed` is how often in a row Storage has put it off now.
        """
        values = {"the_job": job_id, "pause_s": pause_s, "times": postponed}
        self._database.run(lambda connection: connection.execute(_POSTPONE, values))

    def attachment_paths(self, attach_ids: Sequence[int]) -> dict[int, AttachmentPath | None]:
        """Where each attachment that has a row is stored; None where the row names no path."""
        rows = self._database.run(
            lambda connection: connection.execute(_ATTACHMENTS, {"ids": list(attach_ids)}).all()
        )
        return {
            row.attach_id: attachment_path(
                attach_file_path=row.attach_file_path, attach_directory=row.attach_directory
            )
            for row in rows
        }

    def input_data(self, job_id: UUID) -> object:
        """The job's input as decoded JSON, for the pictures that stand in it; None where there is none."""
        return self._database.run(lambda connection: connection.scalar(_INPUT, {"job_id": job_id}))

    def finish(
        self,
        job_id: UUID,
        *,
        ready: Sequence[ReadyImage],
        failed: Sequence[FailedImage],
        warnings: Sequence[str],
        input_images: int,
    ) -> Prepared:
        """Ends the lease, turns planned images ready or failed and notes the warnings.

        Only the lease ends of a job that is not processing any more.
        """

        def work(connection: Connection) -> Prepared:
            if lock_job(connection, job_id) != JobStatus.PROCESSING:
                connection.execute(_LET_GO, {"the_job": job_id})
                return Prepared()
            connection.execute(_LOCK_IMAGES, {"job_id": job_id})
            connection.execute(_noted(job_id, warnings, input_images))
            if failed:
                rows = [vars(image) for image in failed]
                connection.execute(_FAIL, {"job_id": job_id, "images": json.dumps(rows)})
                connection.execute(_failed_so_far(job_id))
            rows = [{"image_no": image.image_no, "request": image.request()} for image in ready]
            made_ready = connection.scalars(_READY, {"job_id": job_id, "images": json.dumps(rows)})
            # Read after the lease ended, which whoever comes from now on finds free.
            others_wait = connection.scalar(_OTHERS_WAIT, {"the_job": job_id})
            return Prepared(tuple(sorted(made_ready)), bool(others_wait))

        return self._database.run(work)


def _load(connection: Connection, job_id: UUID) -> Preparation | None:
    row = connection.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    return Preparation(
        job_id=job_id,
        path=row.path,
        status=JobStatus(row.job_status),
        plan=PLAN.validate_python(row.plan),
        states=tuple((image_no, ImageState(state)) for image_no, state, *_ in row.states or ()),
        makers={image_no: Maker(engine, workflow) for image_no, _, engine, workflow in row.states or ()},
    )


def _noted(job_id: UUID, warnings: Sequence[str], input_images: int) -> Update:
    return (
        update(PipelineJob)
        .where(col(PipelineJob.job_id) == job_id)
        .values(
            _END
            | {
                col(PipelineJob.warnings): list(warnings),
                col(PipelineJob.input_images): input_images,
                col(PipelineJob.postponed): 0,
                col(PipelineJob.updated_at): func.now(),
            }
        )
    )


def _failed_so_far(job_id: UUID) -> Update:
    failed = (
        select(func.count())
        .select_from(PipelineImage)
        .where(col(PipelineImage.job_id) == job_id, col(PipelineImage.state) == ImageState.FAILED)
    )
    return (
        update(Job)
        .where(col(Job.job_id) == job_id, col(Job.job_status) == JobStatus.PROCESSING)
        .values({col(Job.failed_images): failed.scalar_subquery()})
    )
