"""Writes quel_production_path where it is null: what the null counts for, so that nothing runs otherwise.

A job gets the path quel claimed it on, else its production's, else the default. A production gets the one
path that all its jobs share, else the default: jobs go first, so nothing that hangs on a production changes.
Jobs of every other kind are left as they are, and so are their productions: an in-painting has no path in the
table. Batches are short, go once through the table in the order of its ids, and pass over rows that somebody
else is writing.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, TextClause, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.kind_columns import KIND_COLUMNS, KIND_PARAMETERS, kind_of_row
from quel.core.kind import Kind

BATCH = 500
"""Rows of one transaction: locks are held for milliseconds."""

_LOCK = "FOR NO KEY UPDATE SKIP LOCKED"

_JOBS = f"""
SELECT j.job_id AS id, j.job_id, {KIND_COLUMNS}
FROM (
    SELECT * FROM public.quel_production_jobs
    WHERE (quel_production_path IS NULL OR quel_production_path = '')
      AND (CAST(:after AS uuid) IS NULL OR job_id > CAST(:after AS uuid))
    ORDER BY job_id LIMIT :batch {{lock}}
) j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
"""  # noqa: S608 - a constant of ours

_PRODUCTIONS = f"""
SELECT p.production_id AS id, j.job_id, {KIND_COLUMNS}
FROM (
    SELECT * FROM public.quel_production_photo
    WHERE (quel_production_path IS NULL OR quel_production_path = '')
      AND (CAST(:after AS uuid) IS NULL OR production_id > CAST(:after AS uuid))
    ORDER BY production_id LIMIT :batch {{lock}}
) p
LEFT JOIN public.quel_production_jobs j ON j.production_id = p.production_id
"""  # noqa: S608 - a constant of ours

_WRITE_JOBS = text("""
UPDATE public.quel_production_jobs j SET quel_production_path = chosen.path
FROM (
    SELECT n.job_id, coalesce(q.path, nullif(btrim(p.quel_production_path), ''), :default_path) AS path
    FROM public.quel_production_jobs n
    LEFT JOIN public.quel_production_photo p ON p.production_id = n.production_id
    LEFT JOIN quel.job q ON q.job_id = n.job_id
    WHERE n.job_id = ANY(:ids)
) chosen
WHERE j.job_id = chosen.job_id
""")

_WRITE_PRODUCTIONS = text("""
UPDATE public.quel_production_photo p SET quel_production_path = coalesce((
    SELECT min(j.quel_production_path) FROM public.quel_production_jobs j
    WHERE j.production_id = p.production_id
    HAVING count(DISTINCT j.quel_production_path) = 1), :default_path)
WHERE p.production_id = ANY(:ids)
""")


class BackfillPathsRows:
    """Counts and fills rows without a path, of the kinds that quel makes."""

    def __init__(self, database: Database, default_path: str) -> None:
        self._database = database
        self._default_path = default_path

    def without_path(self) -> tuple[int, int]:
        """How many jobs and how many productions have none and should."""
        return self._in_batches(_JOBS, None), self._in_batches(_PRODUCTIONS, None)

    def backfill_jobs(self) -> int:
        """Gives every job that nobody is writing its path; how many."""
        return self._in_batches(_JOBS, _WRITE_JOBS)

    def backfill_productions(self) -> int:
        """Gives every production that nobody is writing its path; how many."""
        return self._in_batches(_PRODUCTIONS, _WRITE_PRODUCTIONS)

    def _in_batches(self, look: str, write: TextClause | None) -> int:
        """How many rows are quel's own to fill; `write` fills them."""
        statement = text(look.format(lock=_LOCK if write is not None else ""))
        total = 0
        after: UUID | None = None

        def work(connection: Connection) -> tuple[int, UUID | None]:
            values = KIND_PARAMETERS | {"after": after, "batch": BATCH}
            own, last = _own(connection.execute(statement, values).all())
            if own and write is not None:
                connection.execute(write, {"ids": own, "default_path": self._default_path})
            return len(own), last

        while True:
            filled, last = self._database.run(work)
            if last is None:
                return total
            total, after = total + filled, last


def _own(rows: Sequence[Row[Any]]) -> tuple[list[UUID], UUID | None]:
    """The ids without a job of another kind, and the last id that was looked at."""
    ids = {row.id for row in rows}
    foreign = {row.id for row in rows if row.job_id is not None and kind_of_row(row) is not Kind.IMAGES}
    return sorted(ids - foreign), max(ids, default=None)
