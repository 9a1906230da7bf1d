"""Closes a job and its production in one transaction, once; and cancels what is still open."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.fetch_job import attach_ids
from quel.adapters.postgres.image_state import CANCEL, GIVE_UP, OF_JOB, is_open, move
from quel.adapters.postgres.movement import is_unmoved
from quel.adapters.postgres.progress import lock_job
from quel.core.closing import ClosedJob, Leftovers, MergedIds
from quel.core.finalize_job import (
    CANCELLED_STATUSES,
    OPEN_STATUSES,
    ImageEnd,
    JobEnd,
    merge_attach_ids,
    refused,
    settle,
    settle_production,
)
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob

_LOCK = text("""
SELECT coalesce(j.job_status, 'pending') AS job_status, j.total_images, j.generated_attach_ids,
       j.completed_at, j.production_id, q.job_id AS claimed, q.path, q.warnings, q.price, q.extra_attach_ids,
       coalesce(q.input_images, 0) AS input_images
FROM public.quel_production_jobs j LEFT JOIN quel.job q ON q.job_id = j.job_id
WHERE j.job_id = :job_id FOR NO KEY UPDATE OF j
""")

_IMAGES = text("""
SELECT image_no, state, attach_id, reason, request -> 'picture_keys' AS picture_keys,
       cost_usd IS NOT NULL AND state IN ('failed', 'cancelled') AS dropped
FROM quel.image WHERE job_id = :job_id ORDER BY image_no
""")

_OPEN_IMAGE = text(f"SELECT 1 FROM quel.image i WHERE i.job_id = :job_id AND {is_open('i')} LIMIT 1")  # noqa: S608

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
        return self._database.run(lambda connection: _close(connection, job_id, cancelled=cancelled))

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
            images = connection.execute(_IMAGES, {"job_id": job_id}).all()
            if withdrawn:
                _hand_over(connection, job_id, images)
            return replace(_remains(images), withdrawn=withdrawn) if images else None

        return self._database.run(work)

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job with what it has, failed when that is nothing; None when it is not pending."""
        return self._database.run(lambda connection: _close(connection, job_id, refusal=reason))

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
            values = {"job_id": job.job_id, "code": code, "reason": reason}
            given_up = connection.execute(_GIVE_UP_IMAGES, values).rowcount
            closed = _close(connection, job.job_id, given_up=reason)
            return closed and replace(closed, given_up=given_up)

        return self._database.run(work)


def _close(
    connection: Connection,
    job_id: UUID,
    *,
    cancelled: bool = False,
    refusal: str | None = None,
    given_up: str | None = None,
) -> ClosedJob | None:
    job = connection.execute(_LOCK, {"job_id": job_id}).one_or_none()
    if job is None or not (_is_open(job) or _has_open_images(connection, job_id, job)):
        return None
    cancelled = cancelled or job.job_status in CANCELLED_STATUSES
    if cancelled:
        connection.execute(_CANCEL_IMAGES, {"job_id": job_id})
    images = connection.execute(_IMAGES, {"job_id": job_id}).all()
    end = None  # of a job that is not begun, or is to be begun again
    if refusal is not None:
        end = _unplanned_end(job, refusal) if job.job_status == "pending" else None
    elif given_up is not None and not job.claimed:
        end = _unplanned_end(job, given_up)
    elif cancelled or given_up is not None or (job.claimed and job.job_status != "pending"):
        end = _end(job, images, cancelled)
    if end is None:
        return None
    if not job.claimed:
        connection.execute(_IN_HAND, {"job_id": job_id})
    seconds = _write_job(connection, job_id, job, end)
    merged = _write_production(connection, job, end)
    return ClosedJob(
        end=end,
        path=job.path,
        seconds=float(seconds),
        credits=(job.price or 0) * end.completed_images,
        remains=_remains(images),
        merged=merged,
    )


def _remains(images: Sequence[Row[Any]]) -> Leftovers:
    return Leftovers(
        images=len(images),
        picture_keys=tuple(dict.fromkeys(key for image in images for key in image.picture_keys or ())),
        dropped=tuple(image.image_no for image in images if image.dropped),
    )


def _hand_over(connection: Connection, job_id: UUID, images: Sequence[Row[Any]]) -> None:
    job = connection.execute(_LOCK, {"job_id": job_id}).one()
    stored = [image.attach_id for image in images if image.state == ImageState.STORED]
    ids = tuple(dict.fromkeys((*stored, *(job.extra_attach_ids or ()))))
    failed = sum(image.state == ImageState.FAILED for image in images)
    end = JobEnd(JobStatus(job.job_status), len(stored), failed, ids, None)
    _write_production(connection, job, end)
    connection.execute(_ENDED_ELSEWHERE, {"job_id": job_id})


def _is_open(job: Row[Any]) -> bool:
    status = JobStatus(job.job_status)
    return status in OPEN_STATUSES or (status in CANCELLED_STATUSES and job.completed_at is None)


def _has_open_images(connection: Connection, job_id: UUID, job: Row[Any]) -> bool:
    """Whether a job was cancelled by somebody who wrote completed_at as well."""
    keys = {"job_id": job_id}
    return job.job_status in CANCELLED_STATUSES and connection.scalar(_OPEN_IMAGE, keys) is not None


def _end(job: Row[Any], images: Sequence[Row[Any]], cancelled: bool) -> JobEnd | None:
    ends = [
        ImageEnd(image.image_no, ImageState(image.state), image.attach_id, image.reason) for image in images
    ]
    marked = job.job_status in CANCELLED_STATUSES or (cancelled and not images)
    return settle(
        ends if job.claimed else _adopted(job),
        total_images=job.total_images,
        warnings=job.warnings or (),
        cancelled=marked,
        extra_attach_ids=job.extra_attach_ids or (),
    )


def _unplanned_end(job: Row[Any], reason: str) -> JobEnd | None:
    """The end of a job that is not (or no longer) planned: what it had stays, the rest failed."""
    ends = _adopted(job)
    if not ends:
        return refused(reason, total_images=job.total_images)
    missing = range(len(ends), job.total_images)[:_MOST_MISSING]
    ends += [ImageEnd(number, ImageState.FAILED, reason=reason) for number in missing]
    return settle(ends, total_images=job.total_images, warnings=() if missing else (reason,), cancelled=False)


def _adopted(job: Row[Any]) -> list[ImageEnd]:
    """What another server made for a job that quel has no plan of."""
    ids = attach_ids(job.generated_attach_ids)
    return [ImageEnd(number, ImageState.STORED, attach_id) for number, attach_id in enumerate(ids)]


_LONGEST_S = 2**31 - 1  # what the column holds: another server's started_at may be the year 1
_MOST_MISSING = 1_000  # a hostile total_images must not fill the memory


def _write_job(connection: Connection, job_id: UUID, job: Row[Any], end: JobEnd) -> float:
    values = {
        "job_id": job_id,
        "status": end.status,
        "completed": end.completed_images,
        "failed": end.failed_images,
        "claimed": job.claimed is not None,
        "attach_ids": json.dumps(end.attach_ids),
        "error_message": end.error_message,
    }
    seconds: float = connection.execute(_CLOSE_JOB, values).scalar_one()
    return seconds


def _write_production(connection: Connection, job: Row[Any], end: JobEnd) -> MergedIds | None:
    keys = {"production_id": job.production_id}
    production = connection.execute(_LOCK_PRODUCTION, keys).one_or_none() if job.production_id else None
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
            "input_images": job.input_images,
        },
    )
    return MergedIds(len(existing), new)
