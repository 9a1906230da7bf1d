"""Closes a job and its production in one transaction, once; and cancels what is still open."""

import json
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import CANCEL, GIVE_UP, OF_JOB, move
from quel.adapters.postgres.movement import is_unmoved
from quel.adapters.postgres.progress import lock_job
from quel.core.closing import ClosedJob, Leftovers, MergedIds, leftovers
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
    merge_attach_ids,
    settle_production,
    withdraws,
)
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob

_LOCK = text("""
SELECT coalesce(j.job_status, 'pending') AS status, j.completed_at IS NOT NULL AS has_completed_at,
       q.job_id IS NOT NULL AS is_claimed, j.total_images, j.generated_attach_ids, q.extra_attach_ids,
       q.warnings, j.production_id, q.path, coalesce(q.price, 0) AS price,
       coalesce(q.input_images, 0) AS input_images
FROM public.quel_production_jobs j LEFT JOIN quel.job q ON q.job_id = j.job_id
WHERE j.job_id = :job_id FOR NO KEY UPDATE OF j
""")

_IMAGES = text("""
SELECT image_no, state, attach_id, reason, request -> 'picture_keys' AS picture_keys,
       cost_usd IS NOT NULL AS is_paid
FROM quel.image WHERE job_id = :job_id ORDER BY image_no
""")

_CLOSE_JOB = text("""
UPDATE public.quel_production_jobs
SET job_status = :status, completed_images = :completed, failed_images = :failed,
    generated_attach_ids = CASE WHEN :claimed THEN CAST(:attach_ids AS jsonb) ELSE generated_attach_ids END,
    error_message = :error_message, completed_at = now()
WHERE job_id = :job_id
RETURNING extract(epoch FROM now() - coalesce(started_at, now())) AS seconds
""")

# A job that quel ended without ever claiming it stays known as one it had in hand: its production is quel's
# to close as well, and it may be taken up again.
_IN_HAND = text("""
INSERT INTO quel.pending_job (job_id) VALUES (:job_id)
ON CONFLICT (job_id) DO UPDATE SET recoveries = 0, adoptions = 0
""")

_ENDED_ELSEWHERE = text("UPDATE quel.job SET ended_elsewhere = true WHERE job_id = :job_id")

_LOCK_PRODUCTION = text("""
SELECT attach_ids, coalesce(input_images_count, 0) AS input_images_count FROM public.quel_production_photo
WHERE production_id = :production_id FOR NO KEY UPDATE
""")

_SIBLINGS = text("""
SELECT array_agg(coalesce(job_status::text, 'pending')) AS statuses,
       extract(epoch FROM now() - coalesce(min(started_at), now())) AS seconds
FROM public.quel_production_jobs WHERE production_id = :production_id
""")

_CLOSE_PRODUCTION = text("""
UPDATE public.quel_production_photo
SET production_status = :status, attach_ids = CAST(:attach_ids AS jsonb),
    generated_image_count = coalesce(generated_image_count, 0) + :new,
    processing_duration_seconds = :seconds,
    input_images_count = greatest(:input_images, input_images_count)
WHERE production_id = :production_id
""")

_CANCEL_IMAGES = move(CANCEL, OF_JOB)
_GIVE_UP_IMAGES = move(GIVE_UP, OF_JOB)


class FinalizeJobRows:
    """The rows finalize_job reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self, job_id: UUID, *, cancelled: bool = False) -> ClosedJob | None:
        """Closes the job as its images say; None while one is on its way, or when it is closed already.

        `cancelled` ends what is open as cancelled first; so does a row that is marked as cancelled.
        """
        return self._database.run(lambda connection: _close(connection, job_id, CloseJob(cancelled)))

    def leftovers(self, job_id: UUID) -> Leftovers | None:
        """What a job that has ended may have left behind; None for one that is open or has no images.

        Images that are open are withdrawn: somebody else has ended the job. Its row stays as it is, and what
        was delivered is merged into the production.
        """

        def work(connection: Connection) -> Leftovers | None:
            status = lock_job(connection, job_id)
            if status is None or status in OPEN_STATUSES:
                return None
            withdrawn = connection.execute(_CANCEL_IMAGES, {"job_id": job_id}).rowcount
            images = _images(connection, job_id)
            if withdrawn and (facts := _lock(connection, job_id)) is not None:
                _write_production(connection, facts, ended_elsewhere(facts))
                connection.execute(_ENDED_ELSEWHERE, {"job_id": job_id})
            return leftovers(images, withdrawn=withdrawn) if images else None

        return self._database.run(work)

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job with what it has, failed when that is nothing; None when it is not pending."""
        return self._database.run(lambda connection: _close(connection, job_id, RefuseJob(reason)))

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
            return _close(connection, job.job_id, GiveUpJob(code, reason))

        return self._database.run(work)


def _close(connection: Connection, job_id: UUID, intent: Intent) -> ClosedJob | None:
    facts = _lock(connection, job_id)
    if facts is None or (end := decide(facts, intent)) is None:
        return None
    ended = _end_images(connection, facts, intent)
    if not facts.is_claimed:
        connection.execute(_IN_HAND, {"job_id": job_id})
    seconds = _write_job(connection, facts, end)
    merged = _write_production(connection, facts, end)
    return ClosedJob(
        end=end,
        path=facts.path,
        seconds=float(seconds),
        credits=facts.price * end.completed_images,
        remains=leftovers(_images(connection, job_id) if ended else facts.images),
        merged=merged,
        given_up=ended if isinstance(intent, GiveUpJob) else 0,
    )


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


_LONGEST_S = 2**31 - 1  # what the column holds: another server's started_at may be the year 1


def _write_job(connection: Connection, facts: ClosingFacts, end: JobEnd) -> float:
    values = {
        "job_id": facts.job_id,
        "status": end.status,
        "completed": end.completed_images,
        "failed": end.failed_images,
        "claimed": facts.is_claimed,
        "attach_ids": json.dumps(end.attach_ids),
        "error_message": end.error_message,
    }
    seconds: float = connection.execute(_CLOSE_JOB, values).scalar_one()
    return seconds


def _write_production(connection: Connection, facts: ClosingFacts, end: JobEnd) -> MergedIds | None:
    keys = {"production_id": facts.production_id}
    production = connection.execute(_LOCK_PRODUCTION, keys).one_or_none() if facts.production_id else None
    if production is None:
        return None
    siblings = connection.execute(_SIBLINGS, keys).one()
    existing = production.attach_ids if isinstance(production.attach_ids, list) else []
    merged, new = merge_attach_ids(existing, end.attach_ids)
    connection.execute(
        _CLOSE_PRODUCTION,
        keys
        | {
            "status": settle_production([JobStatus(status) for status in siblings.statuses]),
            "attach_ids": json.dumps(merged),
            "new": new,
            "seconds": min(max(0, round(siblings.seconds)), _LONGEST_S),
            "input_images": facts.input_images,
        },
    )
    return MergedIds(len(existing), new)
