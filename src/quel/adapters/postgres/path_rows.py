"""Writes quel_production_path where it is null: what the null counts for, so that nothing runs otherwise.

A job gets the path quel claimed it on, else its production's, else the default. A production gets the one
path that all its jobs share, else the default: jobs go first, so nothing that hangs on a production changes.
Batches are short and pass over rows that somebody else is writing.
"""

from typing import Any

from sqlalchemy import text

from quel.adapters.postgres.database import Database

BATCH = 500
"""Rows of one transaction: locks are held for milliseconds."""

_JOBS = text("""
UPDATE public.quel_production_jobs j SET quel_production_path = chosen.path
FROM (
    SELECT n.job_id, coalesce(q.path, nullif(btrim(p.quel_production_path), ''), :default_path) AS path
    FROM public.quel_production_jobs n
    LEFT JOIN public.quel_production_photo p ON p.production_id = n.production_id
    LEFT JOIN quel.job q ON q.job_id = n.job_id
    WHERE n.quel_production_path IS NULL OR n.quel_production_path = ''
    LIMIT :batch FOR NO KEY UPDATE OF n SKIP LOCKED
) chosen
WHERE j.job_id = chosen.job_id
""")

_PRODUCTIONS = text("""
UPDATE public.quel_production_photo p SET quel_production_path = chosen.path
FROM (
    SELECT n.production_id, coalesce((
        SELECT min(j.quel_production_path) FROM public.quel_production_jobs j
        WHERE j.production_id = n.production_id
        HAVING count(DISTINCT j.quel_production_path) = 1), :default_path) AS path
    FROM public.quel_production_photo n
    WHERE n.quel_production_path IS NULL OR n.quel_production_path = ''
    LIMIT :batch FOR NO KEY UPDATE OF n SKIP LOCKED
) chosen
WHERE p.production_id = chosen.production_id
""")

_WITHOUT_PATH = text("""
SELECT (SELECT count(*) FROM public.quel_production_jobs
        WHERE quel_production_path IS NULL OR quel_production_path = '') AS jobs,
       (SELECT count(*) FROM public.quel_production_photo
        WHERE quel_production_path IS NULL OR quel_production_path = '') AS productions
""")


class PathRows:
    """Counts and fills rows without a path."""

    def __init__(self, database: Database, default_path: str) -> None:
        self._database = database
        self._values = {"default_path": default_path, "batch": BATCH}

    def without_path(self) -> tuple[int, int]:
        """How many jobs and how many productions have none."""
        row = self._database.run(lambda connection: connection.execute(_WITHOUT_PATH).one())
        return row.jobs, row.productions

    def backfill_jobs(self) -> int:
        """Gives every job that nobody is writing its path; how many."""
        return self._in_batches(_JOBS)

    def backfill_productions(self) -> int:
        """Gives every production that nobody is writing its path; how many."""
        return self._in_batches(_PRODUCTIONS)

    def _in_batches(self, statement: Any) -> int:
        total = 0
        while written := self._database.run(
            lambda connection: connection.execute(statement, self._values).rowcount
        ):
            total += written
        return total
