"""Writes to a job's row that the front end has cancelled it, as the front end itself may do."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from quel.adapters.postgres.database import Database

# A job all of whose images have ended is not cancelled any more, it only waits to be closed.
_MARK = text("""
UPDATE public.quel_production_jobs j SET job_status = 'user_cancelled'
WHERE j.job_id = ANY(:job_ids) AND coalesce(j.job_status, 'pending') IN ('pending', 'processing')
  AND (NOT EXISTS (SELECT 1 FROM quel.image i WHERE i.job_id = j.job_id)
       OR EXISTS (SELECT 1 FROM quel.image i
                  WHERE i.job_id = j.job_id AND i.state NOT IN ('stored', 'failed', 'cancelled')))
""")


class CancelledRows:
    """Marks rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, job_ids: Sequence[UUID]) -> None:
        """Open jobs become user_cancelled; finalize_job still closes them."""
        self._database.run(lambda connection: connection.execute(_MARK, {"job_ids": list(job_ids)}))
