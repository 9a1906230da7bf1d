"""Everything the sweep looks at, from rows alone, and what it repairs in them by compare-and-set."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.job import JobStatus
from quel.core.settle import settle_production
from quel.core.steps import ImageState
from quel.core.stuck import OpenJobs, Orphan, PendingJob, ProcessingJob

_ONE_SWEEP = text("SELECT pg_try_advisory_xact_lock(hashtext('quel.sweep'))")

_PENDING = text("""
SELECT j.job_id, lower(btrim(coalesce(nullif(btrim(j.quel_production_path), ''), p.quel_production_path, '')))
           AS path,
       extract(epoch FROM now() - j.updated_at) AS silent_s, coalesce(j.retry_count, 0) AS recoveries
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE j.job_status = 'pending' OR j.job_status IS NULL ORDER BY j.created_at LIMIT :most
""")

_PROCESSING = text("""
SELECT q.job_id, q.path, q.fruitless_recoveries, q.stored_at_recovery,
       jsonb_agg(jsonb_build_array(i.image_no, i.state) ORDER BY i.image_no) AS images,
       extract(epoch FROM now() - greatest(max(i.updated_at), q.updated_at)) AS silent_s,
       coalesce(array_agg(i.image_no) FILTER (
           WHERE i.state = 'generating' AND i.lease_until < now()), '{}') AS lapsed,
       coalesce(bool_or(i.state = 'generating' AND i.lease_until >= now()), false) AS leased
FROM public.quel_production_jobs j
JOIN quel.job q ON q.job_id = j.job_id
JOIN quel.image i ON i.job_id = j.job_id
WHERE j.job_status = 'processing'
GROUP BY q.job_id ORDER BY q.created_at LIMIT :most
""")

_ORPHANS = text("""
SELECT j.job_id, coalesce(j.retry_count, 0) AS recoveries,
       coalesce(jsonb_array_length(CASE jsonb_typeof(j.generated_attach_ids)
           WHEN 'array' THEN j.generated_attach_ids END), 0) AS stored
FROM public.quel_production_jobs j
WHERE j.job_status = 'processing' AND j.updated_at < now() - make_interval(secs => :stuck_after_s)
  AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
LIMIT :most
""")

# Whoever cancels may have written completed_at as well: then the images that are open tell.
_CANCELLED = text("""
SELECT job_id FROM public.quel_production_jobs
WHERE job_status IN ('cancelled', 'user_cancelled') AND completed_at IS NULL
UNION
SELECT j.job_id FROM quel.image i JOIN public.quel_production_jobs j ON j.job_id = i.job_id
WHERE i.state IN ('ready', 'generating', 'made') AND j.job_status IN ('cancelled', 'user_cancelled')
LIMIT :most
""")

_FLOW = text("""
SELECT coalesce(extract(epoch FROM now() - max(updated_at)), 1e9) FROM quel.image
WHERE updated_at > now() - make_interval(secs => :within_s) AND state <> 'planned'
""")

_RELEASE = text("""
UPDATE quel.image SET state = 'ready', lease_owner = NULL, lease_until = NULL, not_before = now(),
    updated_at = now()
WHERE job_id = :job_id AND image_no = ANY(:image_nos) AND state = 'generating' AND lease_until < now()
""")

_COUNT_RECOVERY = text("""
UPDATE public.quel_production_jobs SET retry_count = coalesce(retry_count, 0) + 1
WHERE job_id = :job_id AND coalesce(job_status, 'pending') = :status
""")

_COUNT_FRUITLESS = text("""
UPDATE quel.job q
SET fruitless_recoveries = CASE WHEN s.stored > q.stored_at_recovery THEN 1
                                ELSE q.fruitless_recoveries + 1 END,
    stored_at_recovery = s.stored, updated_at = now()
FROM (SELECT count(*) AS stored FROM quel.image WHERE job_id = :job_id AND state = 'stored') s
WHERE q.job_id = :job_id
""")

_ADOPT = text("""
UPDATE public.quel_production_jobs SET job_status = 'pending', retry_count = coalesce(retry_count, 0) + 1
WHERE job_id = :job_id AND job_status = 'processing'
  AND updated_at < now() - make_interval(secs => :stuck_after_s)
RETURNING 1
""")

_OUT_OF_STEP = text("""
SELECT p.production_id, array_agg(j.job_status::text) AS statuses
FROM public.quel_production_photo p JOIN public.quel_production_jobs j ON j.production_id = p.production_id
WHERE p.production_status = 'processing'
GROUP BY p.production_id
HAVING bool_and(coalesce(j.job_status, 'pending') IN ('completed', 'failed', 'cancelled', 'user_cancelled'))
   AND max(coalesce(j.completed_at, j.updated_at)) < now() - interval '1 minute'
LIMIT :most
""")

_SET_PRODUCTION = text("""
UPDATE public.quel_production_photo p SET production_status = :status
WHERE production_id = :production_id AND production_status = 'processing' AND NOT EXISTS (
    SELECT 1 FROM public.quel_production_jobs j
    WHERE j.production_id = p.production_id
      AND coalesce(j.job_status, 'pending') IN ('pending', 'processing'))
""")

_MOST = 20_000
"""Jobs looked at in one sweep, oldest first: many more than ever wait for a path that is switched off."""


class SweepRows:
    """The rows sweep_stuck_jobs reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Whether this is the only sweep; the lock goes with the transaction, so no pooler loses it."""
        with self._database.held() as connection:
            yield bool(connection.scalar(_ONE_SWEEP))

    def open_jobs(self, stuck_after_s: float, default_path: str) -> OpenJobs:
        """Everything that is open, at one moment; a job without a path counts as `default_path`'s."""

        def work(connection: Connection) -> OpenJobs:
            most, after = {"most": _MOST}, {"stuck_after_s": stuck_after_s}
            return OpenJobs(
                pending=tuple(
                    PendingJob(row.job_id, row.path or default_path, float(row.silent_s), row.recoveries)
                    for row in connection.execute(_PENDING, most)
                ),
                processing=tuple(_processing(row) for row in connection.execute(_PROCESSING, most)),
                orphans=tuple(Orphan(*row) for row in connection.execute(_ORPHANS, most | after)),
                cancelled=tuple(connection.scalars(_CANCELLED, most)),
                flow_silent_s=float(connection.scalar(_FLOW, {"within_s": 2 * stuck_after_s}) or 0),
            )

        return self._database.run(work)

    def recover(self, job_id: UUID, lapsed: Sequence[int]) -> None:
        """Counts a recovery of a claimed job and frees the images whose lease has run out."""

        def work(connection: Connection) -> None:
            connection.execute(_COUNT_RECOVERY, {"job_id": job_id, "status": "processing"})
            connection.execute(_COUNT_FRUITLESS, {"job_id": job_id})
            if lapsed:
                connection.execute(_RELEASE, {"job_id": job_id, "image_nos": list(lapsed)})

        self._database.run(work)

    def recover_pending(self, job_id: UUID) -> None:
        """Counts a recovery of a job nobody has claimed."""
        values = {"job_id": job_id, "status": "pending"}
        self._database.run(lambda connection: connection.execute(_COUNT_RECOVERY, values))

    def adopt(self, job_id: UUID, stuck_after_s: float) -> bool:
        """Sets a silent job that quel has no plan of back to pending; False when it moved meanwhile."""
        values = {"job_id": job_id, "stuck_after_s": stuck_after_s}
        return self._database.run(lambda connection: connection.scalar(_ADOPT, values) is not None)

    def reconcile_productions(self) -> int:
        """Closes productions whose jobs have all ended; how many."""

        def work(connection: Connection) -> int:
            rows = connection.execute(_OUT_OF_STEP, {"most": _MOST}).all()
            for row in rows:
                status = settle_production([JobStatus(status) for status in row.statuses])
                values = {"production_id": row.production_id, "status": status}
                connection.execute(_SET_PRODUCTION, values)
            return len(rows)

        return self._database.run(work)


def _processing(row: Row[Any]) -> ProcessingJob:
    images = tuple((image_no, ImageState(state)) for image_no, state in row.images)
    stored = sum(1 for _, state in images if state is ImageState.STORED)
    return ProcessingJob(
        job_id=row.job_id,
        path=row.path,
        silent_s=float(row.silent_s),
        images=images,
        lapsed=tuple(row.lapsed),
        leased=row.leased,
        fruitless=0 if stored > row.stored_at_recovery else row.fruitless_recoveries,
    )
