"""Writes to a job's row that the front end has cancelled it, as the front end itself may do."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from quel.adapters.postgres.database import Database

# A job all of whose images have ended is not cancelled any more, it only waits to be closed.
_MARK = """
UPDATE public.quel_production_jobs j SET job_status = 'user_cancelled'
WHERE j.job_id = ANY(:job_ids) AND coalesce(j.job_status, 'pending') IN ('pending', 'processing')
  AND (NOT EXISTS (SELECT 1 FROM quel.image i WHERE i.job_id = j.job_id)
       OR EXISTS (SELECT 1 FROM quel.image i
                  WHERE i.job_id = j.job_id AND i.state NOT IN ('stored', 'failed', 'cancelled')))
"""
_MARK_OURS = text(_MARK)
_MARK_IN_HAND = text(f"""{_MARK}
  AND (EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
       OR EXISTS (SELECT 1 FROM quel.pending_job h WHERE h.job_id = j.job_id))
""")  # noqa: S608 - constants of ours


# Whoever takes a job up again removes its key first: a key that is still there while the row is locked is no
# leftover of the run before.
_LOCK = text("""
SELECT job_id FROM public.quel_production_jobs
WHERE job_id = ANY(:job_ids) AND coalesce(job_status, 'pending') IN ('pending', 'processing')
ORDER BY job_id FOR NO KEY UPDATE
""")

Still = Callable[[Sequence[UUID]], set[UUID]]
"""Those whose key is set now."""


class CancelledRows:
    """Marks rows as user_cancelled; finalize_job still closes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark_in_hand(self, job_ids: Sequence[UUID], still: Still) -> set[UUID]:
        """Marks the open ones that quel has in hand: a key may be set for another program's job as well.

        All of them but those whose key was gone once their row was locked.
        """
        return self._mark(_MARK_IN_HAND, job_ids, still)

    def mark(self, job_id: UUID, still: Still) -> None:
        """Marks an open job that is known to be quel's, if its key is set while its row is locked."""
        self._mark(_MARK_OURS, [job_id], still)

    def _mark(self, mark: TextClause, job_ids: Sequence[UUID], still: Still) -> set[UUID]:
        def work(connection: Connection) -> set[UUID]:
            open_ = set(connection.scalars(_LOCK, {"job_ids": list(job_ids)}))
            cancelled = still(sorted(open_))
            connection.execute(mark, {"job_ids": list(cancelled)})
            return (set(job_ids) - open_) | cancelled

        return self._database.run(work)
