"""Counts what waits in PostgreSQL: open jobs and images by path, with the age of the oldest.

Other programs' rows do not wait for quel, nor do those that it leaves alone as too old (QUEL_ADOPT_WITHIN_S).
"""

from typing import Any

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.kind_of_rows import EVER_S
from quel.core.kind import MADE_HERE
from quel.core.kinds import OWN_PATHS
from quel.core.operations.backlog import Backlog, JobBacklog, WebhookBacklog

_JOBS = text("""
SELECT lower(btrim(coalesce(q.path, CASE WHEN k.kind = ANY(:own_paths) THEN k.kind END,
                            nullif(btrim(j.quel_production_path), ''),
                            nullif(btrim(p.quel_production_path), ''), :default_path))) AS path,
       j.job_status::text AS state, count(*) AS number,
       extract(epoch FROM now() - min(coalesce(j.started_at, j.created_at))) AS oldest_s
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
LEFT JOIN quel.pending_job h ON h.job_id = j.job_id
LEFT JOIN quel.job_kind k ON k.job_id = j.job_id
WHERE j.job_status IN ('pending', 'processing')
  AND (q.job_id IS NOT NULL OR (k.kind IS NULL OR k.kind = ANY(:made_here))
       AND (h.job_id IS NOT NULL OR j.created_at >= now() - make_interval(secs => :adopt_within_s)))
GROUP BY 1, 2 ORDER BY 1, 2
""")

_IMAGES = text("""
SELECT i.path, i.state, count(*) AS number, extract(epoch FROM now() - min(i.updated_at)) AS oldest_s
FROM public.quel_production_jobs j JOIN quel.image i ON i.job_id = j.job_id
WHERE j.job_status = 'processing' AND i.state IN ('planned', 'ready', 'generating', 'made')
GROUP BY 1, 2 ORDER BY 1, 2
""")


_WEBHOOKS = text("""
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS oldest_s
FROM quel.webhook WHERE state = 'waiting'
""")


class JobBacklogReader:
    """Counting queries over what is open; what has ended is never touched."""

    def __init__(self, database: Database, default_path: str, *, adopt_within_s: float) -> None:
        self._database = database
        self._values = {
            "default_path": default_path,
            "adopt_within_s": min(adopt_within_s, EVER_S),
            "made_here": sorted(MADE_HERE),
            "own_paths": list(OWN_PATHS),
        }

    def read(self) -> JobBacklog:
        """Everything at one moment. Raises ServiceUnavailable, DatabaseError."""

        def work(connection: Connection) -> JobBacklog:
            jobs = connection.execute(_JOBS, self._values).all()
            images = connection.execute(_IMAGES).all()
            return JobBacklog(tuple(map(_backlog, jobs)), tuple(map(_backlog, images)), _webhooks(connection))

        return self._database.run(work)

    def ping(self) -> None:
        """Raises ServiceUnavailable when PostgreSQL does not answer."""
        self._database.run(lambda connection: connection.execute(text("SELECT 1")))


def _webhooks(connection: Connection) -> WebhookBacklog:
    row = connection.execute(_WEBHOOKS).one()
    return WebhookBacklog(row.waiting, max(0.0, float(row.oldest_s)))


def _backlog(row: Row[Any]) -> Backlog:
    return Backlog(row.path, row.state, row.number, max(0.0, float(row.oldest_s)))
