"""Closes a job and its production in one transaction, once; and cancels what is still open."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, extract, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from quel.adapters.postgres.close_production import close_production
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import CANCEL, GIVE_UP, OF_JOB, move
from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.movement import is_unmoved
from quel.adapters.postgres.progress import lock_job
from quel.adapters.postgres.schema.pipeline_tables import PendingJobInHand, PipelineImage, PipelineJob
from quel.adapters.postgres.schema.product_tables import Job
from quel.adapters.postgres.tally_hour import unmake_hour
from quel.adapters.postgres.webhook_outbox import write_webhooks
from quel.core.finalize_job import (
    OPEN_STATUSES,
    CloseJob,
    ClosingFacts,
    GiveUpJob,
    ImageEnd,
    Intent,
    JobEnd,
    RefuseJob,
    decide,
    ended_elsewhere,
    withdraws,
)
from quel.core.job import JobStatus
from quel.core.job_end import ClosedJob, Leftovers, MergedIds, leftovers
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob
from quel.core.webhooks.target import WebhookPolicy

_LOCK = (
    select(
        STATUS.label("status"),
        col(Job.completed_at).is_not(None).label("has_completed_at"),
        col(PipelineJob.job_id).is_not(None).label("is_claimed"),
        col(Job.total_images),
        col(Job.generated_attach_ids),
        col(PipelineJob.extra_attach_ids),
        col(PipelineJob.warnings),
        col(Job.production_id),
        col(PipelineJob.path),
        func.coalesce(col(PipelineJob.price), 0).label("price"),
        func.coalesce(col(PipelineJob.input_images), 0).label("input_images"),
    )
    .select_from(Job)
    .outerjoin(PipelineJob, col(PipelineJob.job_id) == col(Job.job_id))
    .where(col(Job.job_id) == bindparam("job_id"))
    .with_for_update(of=Job, key_share=True)
)

_IMAGES = (
    select(
        col(PipelineImage.image_no),
        col(PipelineImage.state),
        col(PipelineImage.attach_id),
        col(PipelineImage.reason),
        col(PipelineImage.request)["picture_keys"].label("picture_keys"),
        col(PipelineImage.cost_usd).is_not(None).label("is_paid"),
        col(PipelineImage.is_free),
    )
    .where(col(PipelineImage.job_id) == bindparam("job_id"))
    .order_by(col(PipelineImage.image_no))
)


# A job that quel ended without ever claiming it stays known as one it had in hand: its production is quel's
# to close as well, and it may be taken up again.
_IN_HAND = insert(PendingJobInHand).on_conflict_do_update(
    index_elements=[col(PendingJobInHand.job_id)],
    set_={col(PendingJobInHand.recoveries): 0, col(PendingJobInHand.adoptions): 0},
)

_CLOSED: dict[Any, Any] = {
    col(Job.job_status): bindparam("status"),
    col(Job.completed_images): bindparam("completed"),
    col(Job.failed_images): bindparam("failed"),
    col(Job.error_message): bindparam("message"),
    col(Job.completed_at): func.now(),
}
_CLOSE_JOB = (
    update(Job)
    .where(col(Job.job_id) == bindparam("closed"))
    .returning(extract("epoch", func.now() - func.coalesce(col(Job.started_at), func.now())))
)
_CLOSE_UNPLANNED = _CLOSE_JOB.values(_CLOSED)
_CLOSE_PLANNED = _CLOSE_JOB.values(_CLOSED | {col(Job.generated_attach_ids): bindparam("ids")})

_CANCEL_IMAGES = move(CANCEL, OF_JOB)
_GIVE_UP_IMAGES = move(GIVE_UP, OF_JOB)


class FinalizeJobRows:
    """The rows finalize_job reads and writes; `webhooks` says who is told of a job's end."""

    def __init__(self, database: Database, webhooks: WebhookPolicy) -> None:
        self._database = database
        self._webhooks = webhooks

    def close(self, job_id: UUID, *, cancelled: Callable[[], bool] | None = None) -> ClosedJob | None:
        """Closes the job as its images say; None while one is on its way, or when it is closed already.

        What is open ends as cancelled first where the row is marked so, or `cancelled` says it. That is asked
        with the row locked: a job that was taken up again in the meantime is not cancelled by its old key.
        """

        def work(connection: Connection) -> ClosedJob | None:
            facts = _lock(connection, job_id)
            return self._close(connection, facts, CloseJob(cancelled is not None and cancelled()))

        return self._database.run(work)

    def withdraw_ended(self, job_id: UUID) -> Leftovers | None:
        """Withdraws the open images of a job that somebody else has ended; what it may have left behind.

        None for a job that is open or has no images. Its row stays as it is, and what was delivered is merged
        into the production.
        """

        def work(connection: Connection) -> Leftovers | None:
            status = lock_job(connection, job_id)
            if status is None or status in OPEN_STATUSES:
                return None
            withdrawn = connection.execute(_CANCEL_IMAGES, {"job_id": job_id}).rowcount
            images, webhooks = _images(connection, job_id), 0
            if withdrawn and (facts := _lock(connection, job_id)) is not None:
                here = col(PipelineJob.job_id) == job_id
                ended = {col(PipelineJob.ended_elsewhere): True}
                connection.execute(update(PipelineJob).where(here).values(ended))
                _, webhooks = self._follow(connection, facts, ended_elsewhere(facts))
            return leftovers(images, withdrawn=withdrawn, webhooks=webhooks) if images else None

        return self._database.run(work)

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job with what it has, failed when that is nothing; None when it is not pending."""
        return self._database.run(
            lambda connection: self._close(connection, _lock(connection, job_id), RefuseJob(reason))
        )

    def give_up(
        self, job: PendingJob | ProcessingJob | Orphan, *, code: str, reason: str
    ) -> ClosedJob | None:
        """Fails every open image with `reason` and closes the job with what it has.

        Also a job that quel never planned: then what stands in generated_attach_ids is what it has. None,
        and nothing written, when the job moved since the sweep looked, or somebody holds an image of it.
        """

        def work(connection: Connection) -> ClosedJob | None:
            if not is_unmoved(connection, job, to_close=True):
                return None
            return self._close(connection, _lock(connection, job.job_id), GiveUpJob(code, reason))

        return self._database.run(work)

    def _close(self, connection: Connection, facts: ClosingFacts | None, intent: Intent) -> ClosedJob | None:
        if facts is None or (end := decide(facts, intent)) is None:
            return None
        ended = _end_images(connection, facts, intent)
        if not facts.is_claimed:
            connection.execute(_IN_HAND, {"job_id": facts.job_id})
        seconds = _write_job(connection, facts, end)
        merged, webhooks = self._follow(connection, facts, end)
        images = _images(connection, facts.job_id) if ended else facts.images
        return ClosedJob(
            end=end,
            path=facts.path,
            seconds=float(seconds),
            credits=facts.credits,
            leftovers=leftovers(images, webhooks=webhooks),
            merged=merged,
            given_up=ended if isinstance(intent, GiveUpJob) else 0,
        )

    def _follow(
        self, connection: Connection, facts: ClosingFacts, end: JobEnd
    ) -> tuple[MergedIds | None, int]:
        """What follows from any end of a job: for its production, the tally, and those who are told of it."""
        merged = close_production(connection, facts, end)
        unmake_hour(connection, facts.job_id)
        return merged, write_webhooks(connection, facts.job_id, self._webhooks)


def _lock(connection: Connection, job_id: UUID) -> ClosingFacts | None:
    """The job as it stands, locked: an image ends, or is planned again, under this lock alone."""
    row = connection.execute(_LOCK, {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    return ClosingFacts(
        job_id=job_id,
        status=JobStatus(row.status),
        has_completed_at=row.has_completed_at,
        is_claimed=row.is_claimed,
        total_images=row.total_images,
        generated_attach_ids=row.generated_attach_ids,
        images=_images(connection, job_id),
        extra_attach_ids=tuple(row.extra_attach_ids or ()),
        warnings=tuple(row.warnings or ()),
        production_id=row.production_id,
        path=row.path,
        price=row.price,
        input_images=row.input_images,
    )


def _images(connection: Connection, job_id: UUID) -> tuple[ImageEnd, ...]:
    return tuple(
        ImageEnd(
            image_no=row.image_no,
            state=ImageState(row.state),
            attach_id=row.attach_id,
            reason=row.reason,
            picture_keys=tuple(row.picture_keys or ()),
            is_paid=row.is_paid,
            is_free=row.is_free,
        )
        for row in connection.execute(_IMAGES, {"job_id": job_id})
    )


def _end_images(connection: Connection, facts: ClosingFacts, intent: Intent) -> int:
    """Ends the images that are on their way, as `decide` took them to end; how many."""
    keys = {"job_id": facts.job_id}
    if isinstance(intent, GiveUpJob):
        values = keys | {"code": intent.code, "reason": intent.reason}
        return connection.execute(_GIVE_UP_IMAGES, values).rowcount
    return connection.execute(_CANCEL_IMAGES, keys).rowcount if withdraws(facts, intent) else 0


def _write_job(connection: Connection, facts: ClosingFacts, end: JobEnd) -> float:
    values = {
        "closed": facts.job_id,
        "status": end.status,
        "completed": end.completed_images,
        "failed": end.failed_images,
        "message": end.error_message,
    }
    if facts.is_claimed:
        row = connection.execute(_CLOSE_PLANNED, values | {"ids": list(end.attach_ids)})
    else:
        row = connection.execute(_CLOSE_UNPLANNED, values)
    seconds: float = row.scalar_one()
    return seconds
