"""Writes to a job's row that the front end has cancelled it, as the front end itself may do."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

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


class CancelledRows:
    """Marks rows as user_cancelled; finalize_job still closes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark_in_hand(self, job_ids: Sequence[UUID]) -> None:
        """Marks the open ones that quel has in hand: a key may be set for another program's job as well."""
        self._database.run(lambda connection: connection.execute(_MARK_IN_HAND, {"job_ids": list(job_ids)}))

    def mark(self, job_id: UUID) -> None:
        """Marks an open job that is known to be quel's."""
        self._database.run(lambda connection: connection.execute(_MARK_OURS, {"job_ids": [job_id]}))
