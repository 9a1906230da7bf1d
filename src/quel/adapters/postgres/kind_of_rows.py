"""Tells the kinds of open rows that quel has no plan of, each once for each change of the row.

To tell a kind PostgreSQL must unpack the whole input, which may hold megabytes of another program's pictures:
a few thousand such rows would outlast any statement. So it is done in small batches and remembered.
"""

import json
import time

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.kind_columns import KIND_COLUMNS, KIND_PARAMETERS, kind_of_row
from quel.core.kind import FORWARDED

_BATCH = 100
_BUDGET_S = 5.0

EVER_S = 10.0 * 366 * 86_400
"""Longer than any row is old; an interval much longer would overflow the arithmetic of dates."""

# One select a status: each is served by the index on job_status.
OPEN_ROWS = """
    SELECT job_id, created_at, updated_at FROM public.quel_production_jobs WHERE job_status = 'pending'
    UNION ALL
    SELECT job_id, created_at, updated_at FROM public.quel_production_jobs WHERE job_status IS NULL
    UNION ALL
    SELECT job_id, created_at, updated_at FROM public.quel_production_jobs WHERE job_status = 'processing'
    UNION ALL
    SELECT job_id, created_at, updated_at FROM public.quel_production_jobs
    WHERE job_status IN ('cancelled', 'user_cancelled') AND completed_at IS NULL
"""

_UNTOLD = text(f"""
WITH untold AS MATERIALIZED (
    SELECT r.job_id FROM ({OPEN_ROWS}) r
    LEFT JOIN quel.job_kind k ON k.job_id = r.job_id
    WHERE k.row_updated_at IS DISTINCT FROM r.updated_at AND k.kind IS DISTINCT FROM :forwarded
      AND r.updated_at <= now() - make_interval(secs => :silent_s)
      AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = r.job_id)
      AND (r.created_at >= now() - make_interval(secs => :within_s)
           OR EXISTS (SELECT 1 FROM quel.pending_job h WHERE h.job_id = r.job_id))
    ORDER BY r.created_at, r.job_id LIMIT :batch
)
SELECT j.job_id, j.updated_at, {KIND_COLUMNS}
FROM untold
JOIN public.quel_production_jobs j ON j.job_id = untold.job_id
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
""")  # noqa: S608 - constants of ours

_REMEMBER = text("""
INSERT INTO quel.job_kind (job_id, kind, row_updated_at)
SELECT t.job_id, t.kind, t.row_updated_at
FROM jsonb_to_recordset(CAST(:told AS jsonb)) AS t(job_id uuid, kind text, row_updated_at timestamptz)
JOIN public.quel_production_jobs j ON j.job_id = t.job_id
ON CONFLICT (job_id) DO UPDATE SET kind = excluded.kind, row_updated_at = excluded.row_updated_at
""")


def tell_kinds(database: Database, *, silent_s: float, within_s: float) -> None:
    """Tells the kinds of rows that have been silent for `silent_s` and are younger than `within_s`.

    Rows that quel had in hand are told whatever their age. After some seconds it stops; the rest is told next
    time, the oldest first. Raises as `Database.run` does.
    """
    values = KIND_PARAMETERS | {
        "silent_s": silent_s,
        "within_s": within_s,
        "batch": _BATCH,
        "forwarded": FORWARDED,
    }
    ends_at = time.monotonic() + _BUDGET_S
    while database.run(lambda connection: _tell_some(connection, values)) == _BATCH:
        if time.monotonic() > ends_at:
            return


def _tell_some(connection: Connection, values: dict[str, object]) -> int:
    rows = connection.execute(_UNTOLD, values).all()
    told = [
        {"job_id": str(row.job_id), "kind": kind_of_row(row), "row_updated_at": row.updated_at.isoformat()}
        for row in rows
    ]
    if told:
        connection.execute(_REMEMBER, {"told": json.dumps(told)})
    return len(rows)
