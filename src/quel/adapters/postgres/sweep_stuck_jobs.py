"""Everything the sweep looks at, from rows alone, and what it repairs in them by compare-and-set."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, func, text, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlmodel import col

from quel.adapters.postgres.close_production import close_productions
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.forget_prompts import forget_prompts
from quel.adapters.postgres.image_state import FREE, SOME_IMAGES, is_open, move
from quel.adapters.postgres.kind_of_rows import EVER_S, tell_kinds
from quel.adapters.postgres.movement import WAITS_UNTIL, is_unmoved
from quel.adapters.postgres.preparation_turn import prepared_up_to
from quel.adapters.postgres.schema.pipeline_tables import PendingJobInHand
from quel.adapters.postgres.schema.product_tables import Job
from quel.core.fetch_job import given_path
from quel.core.job import JobStatus
from quel.core.kind import MADE_HERE
from quel.core.kinds import OWN_PATHS
from quel.core.pipeline import ImageState
from quel.core.sweep_stuck_jobs import GRACE_S, MarkedJob, OpenJobs, Orphan, PendingJob, ProcessingJob

_ONE_LOOK = text("SELECT pg_try_advisory_xact_lock(hashtext('quel.sweep'))")

# Of the rows that quel never had in hand only the young ones (QUEL_ADOPT_WITHIN_S): the rest are other
# programs', or forgotten. What is not claimed must be of a kind that quel makes (kind_of_rows.py).
_PENDING = text("""
SELECT j.job_id, j.quel_production_path AS job_path, p.quel_production_path AS production_path, k.kind,
       q.path, j.updated_at AS moved_at, extract(epoch FROM now() - j.updated_at)::float8 AS silent_s,
       coalesce(h.recoveries, 0) AS recoveries, hand.in_hand, q.job_id IS NOT NULL AS claimed
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
LEFT JOIN quel.pending_job h ON h.job_id = j.job_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
LEFT JOIN quel.job_kind k ON k.job_id = j.job_id AND k.row_updated_at = j.updated_at
CROSS JOIN LATERAL (SELECT h.job_id IS NOT NULL OR q.job_id IS NOT NULL AS in_hand) hand
WHERE (j.job_status = 'pending' OR j.job_status IS NULL)
  AND j.updated_at <= now() - make_interval(secs => :grace_s)
  AND NOT EXISTS (SELECT 1 FROM quel.fetch_line l WHERE l.job_id = j.job_id)
  AND (q.job_id IS NOT NULL OR k.kind = ANY(:made_here))
  AND (hand.in_hand OR j.created_at >= now() - make_interval(secs => :adopt_within_s))
ORDER BY j.updated_at LIMIT :most
""")

_STATES = ", ".join(f"bool_or(i.state = '{state}') AS {state}" for state in ImageState)

# A million images may wait: they are summed up where they are, and only those that act are listed.
_PROCESSING = text(f"""
WITH q AS MATERIALIZED (
    SELECT q.job_id, q.path, q.fruitless_recoveries, q.stored_at_recovery, q.updated_at
    FROM public.quel_production_jobs j JOIN quel.job q ON q.job_id = j.job_id
    WHERE j.job_status = 'processing' ORDER BY q.created_at LIMIT :most
), made AS (
    SELECT job_id, array_agg(image_no ORDER BY image_no) AS image_nos FROM quel.image
    WHERE state = 'made' GROUP BY job_id
), lapsed AS (
    SELECT job_id, array_agg(image_no ORDER BY image_no) AS image_nos FROM quel.image
    WHERE state = 'generating' AND lease_until < now() GROUP BY job_id
), summed AS (
    SELECT i.job_id, {_STATES}, count(*) FILTER (WHERE i.state = 'stored') AS stored_images,
           max({WAITS_UNTIL}) AS moved_at, coalesce(bool_or(i.lease_until >= now()), false) AS leased,
           coalesce(min(i.turn) FILTER (WHERE i.state = 'planned'), 0) AS planned_turn
    FROM quel.image i WHERE i.job_id IN (SELECT job_id FROM q) GROUP BY i.job_id
)
SELECT q.job_id, q.path, q.fruitless_recoveries, q.stored_at_recovery, s.*,
       coalesce(made.image_nos, '{{}}') AS made_nos, coalesce(lapsed.image_nos, '{{}}') AS lapsed_nos,
       greatest(s.moved_at, q.updated_at) AS job_moved_at,
       extract(epoch FROM now() - greatest(s.moved_at, q.updated_at))::float8 AS silent_s
FROM q JOIN summed s ON s.job_id = q.job_id
LEFT JOIN made ON made.job_id = q.job_id LEFT JOIN lapsed ON lapsed.job_id = q.job_id
""")  # noqa: S608 - constants of ours

_STATES_OF = text("SELECT image_no, state FROM quel.image WHERE job_id = :job_id ORDER BY image_no")

_ORPHANS = text("""
SELECT j.job_id, j.updated_at AS moved_at, coalesce(h.adoptions, 0) AS adoptions,
       coalesce(jsonb_array_length(CASE jsonb_typeof(j.generated_attach_ids)
           WHEN 'array' THEN j.generated_attach_ids END), 0) AS stored,
       h.job_id IS NOT NULL AS in_hand
FROM public.quel_production_jobs j
JOIN quel.job_kind k ON k.job_id = j.job_id AND k.row_updated_at = j.updated_at
LEFT JOIN quel.pending_job h ON h.job_id = j.job_id
WHERE j.job_status = 'processing' AND j.updated_at < now() - make_interval(secs => :stuck_after_s)
  AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
  AND k.kind = ANY(:made_here)
  AND (h.job_id IS NOT NULL OR j.created_at >= now() - make_interval(secs => :adopt_within_s))
ORDER BY j.updated_at LIMIT :most
""")

# Whoever ends or cancels a job may have written completed_at as well: then the images that are open tell.
_MARKED = text(f"""
WITH marked AS MATERIALIZED (
    SELECT job_id FROM public.quel_production_jobs
    WHERE job_status IN ('cancelled', 'user_cancelled') AND completed_at IS NULL
    UNION
    SELECT i.job_id FROM quel.image i JOIN public.quel_production_jobs e ON e.job_id = i.job_id
    WHERE {is_open("i")} AND e.job_status NOT IN ('pending', 'processing')
)
SELECT m.job_id, hand.in_hand
FROM marked m
JOIN public.quel_production_jobs j ON j.job_id = m.job_id
LEFT JOIN quel.pending_job h ON h.job_id = m.job_id
LEFT JOIN quel.job q ON q.job_id = m.job_id
LEFT JOIN quel.job_kind k ON k.job_id = m.job_id AND k.row_updated_at = j.updated_at
CROSS JOIN LATERAL (SELECT h.job_id IS NOT NULL OR q.job_id IS NOT NULL AS in_hand) hand
WHERE (q.job_id IS NOT NULL OR k.kind = ANY(:made_here))
  AND (hand.in_hand OR j.created_at >= now() - make_interval(secs => :adopt_within_s))
LIMIT :most
""")  # noqa: S608 - constants of ours

_FLOW = text("""
SELECT coalesce(extract(epoch FROM now() - max(updated_at)), 1e9) FROM quel.image
WHERE updated_at > now() - make_interval(secs => :within_s) AND state <> 'planned'
""")

_FREE = move(FREE, SOME_IMAGES)

_RETRIED = {col(Job.retry_count): func.coalesce(col(Job.retry_count), 0) + 1}
_COUNT_RETRY = update(Job).where(col(Job.job_id) == bindparam("counted")).values(_RETRIED)

_COUNT_FRUITLESS = text("""
UPDATE quel.job q
SET fruitless_recoveries = CASE WHEN s.stored > q.stored_at_recovery THEN 1
                                ELSE q.fruitless_recoveries + 1 END,
    stored_at_recovery = s.stored, updated_at = now()
FROM (SELECT count(*) AS stored FROM quel.image WHERE job_id = :job_id AND state = 'stored') s
WHERE q.job_id = :job_id
""")

_ADOPT = (
    update(Job)
    .where(col(Job.job_id) == bindparam("adopted"))
    .values({col(Job.job_status): JobStatus.PENDING} | _RETRIED)
)

_MOST = 20_000
"""Jobs looked at in one sweep, oldest first: many more than ever wait for a path that is switched off."""


class SweepStuckJobsRows:
    """The rows sweep_stuck_jobs reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_jobs(self, stuck_after_s: float, adopt_within_s: float, default_path: str) -> OpenJobs | None:
        """Everything that is open, at one moment; a job without a path counts as `default_path`'s.

        None while another sweep looks; the lock goes with the transaction, so no pooler loses it. Of the
        rows that quel never had in hand only those of kinds it makes, younger than `adopt_within_s`.
        """

        grace_s = min(GRACE_S, stuck_after_s)
        within_s = min(adopt_within_s, EVER_S)
        tell_kinds(self._database, silent_s=grace_s, within_s=within_s)

        def work(connection: Connection) -> OpenJobs | None:
            if not connection.scalar(_ONE_LOOK):
                return None
            most: dict[str, Any] = {"most": _MOST}
            ours = most | {"adopt_within_s": within_s, "made_here": sorted(MADE_HERE)}
            after = {"stuck_after_s": stuck_after_s}
            processing = tuple(_processing(row) for row in connection.execute(_PROCESSING, most))
            return OpenJobs(
                pending=tuple(
                    _pending(row, default_path)
                    for row in connection.execute(_PENDING, ours | {"grace_s": grace_s})
                ),
                processing=processing,
                orphans=tuple(Orphan(*row) for row in connection.execute(_ORPHANS, ours | after)),
                marked=tuple(MarkedJob(*row) for row in connection.execute(_MARKED, ours)),
                flow_silent_s=float(connection.scalar(_FLOW, {"within_s": 2 * stuck_after_s}) or 0),
                prepared_up_to=prepared_up_to(connection, {job.path for job in processing}),
            )

        return self._database.run(work)

    def states(self, job_id: UUID) -> Sequence[tuple[int, ImageState]]:
        """The (image_no, state) of a claimed job's images."""
        rows = self._database.run(lambda connection: connection.execute(_STATES_OF, {"job_id": job_id}).all())
        return [(row.image_no, ImageState(row.state)) for row in rows]

    def recover(self, job: ProcessingJob) -> bool:
        """Counts a recovery of a claimed job and frees the images whose lease has run out.

        False, and nothing written, when the job moved since the sweep looked.
        """

        def work(connection: Connection) -> bool:
            if not is_unmoved(connection, job):
                return False
            connection.execute(_COUNT_RETRY, {"counted": job.job_id})
            connection.execute(_COUNT_FRUITLESS, {"job_id": job.job_id})
            if job.lapsed:
                connection.execute(_FREE, {"job_id": job.job_id, "image_nos": list(job.lapsed)})
            return True

        return self._database.run(work)

    def recover_pending(self, job: PendingJob) -> bool:
        """Counts a recovery of a job nobody has claimed; False when it moved since the sweep looked."""

        def work(connection: Connection) -> bool:
            if not is_unmoved(connection, job):
                return False
            connection.execute(_COUNT_RETRY, {"counted": job.job_id})
            connection.execute(_counted(job.job_id, recoveries=1))
            return True

        return self._database.run(work)

    def adopt(self, orphan: Orphan) -> bool:
        """Sets a silent job that quel has no plan of back to pending; False when it moved meanwhile."""

        def work(connection: Connection) -> bool:
            if not is_unmoved(connection, orphan):
                return False
            connection.execute(_ADOPT, {"adopted": orphan.job_id})
            connection.execute(_counted(orphan.job_id, adoptions=1))
            return True

        return self._database.run(work)

    def forget_prompts(self, keep_days: float) -> int:
        """Takes a batch of prompts out of quel's rows; the images and jobs it was of."""
        return forget_prompts(self._database, keep_days)

    def reconcile_productions(self) -> int:
        """Closes productions whose jobs have all ended; how many."""
        return self._database.run(lambda connection: close_productions(connection, most=_MOST))


def _counted(job_id: UUID, *, recoveries: int = 0, adoptions: int = 0) -> Insert:
    counts = {
        col(PendingJobInHand.recoveries): recoveries,
        col(PendingJobInHand.adoptions): adoptions,
    }
    more: dict[Any, Any] = {column: column + by for column, by in counts.items()}
    return (
        insert(PendingJobInHand)
        .values({col(PendingJobInHand.job_id): job_id} | counts)
        .on_conflict_do_update(
            index_elements=[col(PendingJobInHand.job_id)],
            set_=more | {col(PendingJobInHand.updated_at): func.now()},
        )
    )


def _unclaimed_path(row: Row[Any], default_path: str) -> str:
    if row.kind in OWN_PATHS:
        return str(row.kind)
    return (given_path((row.job_path, row.production_path)) or default_path).lower()


def _pending(row: Row[Any], default_path: str) -> PendingJob:
    return PendingJob(
        job_id=row.job_id,
        path=row.path or _unclaimed_path(row, default_path),
        moved_at=row.moved_at,
        silent_s=row.silent_s,
        recoveries=row.recoveries,
        in_hand=row.in_hand,
        claimed=row.claimed,
    )


def _processing(row: Row[Any]) -> ProcessingJob:
    found = row._mapping
    return ProcessingJob(
        job_id=row.job_id,
        path=row.path,
        moved_at=row.job_moved_at,
        silent_s=row.silent_s,
        states=frozenset(state for state in ImageState if found[state]),
        made=tuple(row.made_nos),
        lapsed=tuple(row.lapsed_nos),
        leased=row.leased,
        fruitless=0 if row.stored_images > row.stored_at_recovery else row.fruitless_recoveries,
        planned_turn=row.planned_turn,
    )
