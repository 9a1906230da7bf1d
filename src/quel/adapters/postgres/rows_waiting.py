"""Counts what waits in PostgreSQL: open jobs and images by path, with the age of the oldest."""

from typing import Any

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.situation import Backlog, RowsWaiting

_JOBS = text("""
SELECT lower(btrim(coalesce(nullif(btrim(j.quel_production_path), ''),
                            nullif(btrim(p.quel_production_path), ''), :default_path))) AS path,
       j.job_status::text AS state, count(*) AS number,
       extract(epoch FROM now() - min(coalesce(j.started_at, j.created_at))) AS oldest_s
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE j.job_status IN ('pending', 'processing')
GROUP BY 1, 2 ORDER BY 1, 2
""")

_IMAGES = text("""
SELECT i.path, i.state, count(*) AS number, extract(epoch FROM now() - min(i.updated_at)) AS oldest_s
FROM public.quel_production_jobs j JOIN quel.image i ON i.job_id = j.job_id
WHERE j.job_status = 'processing' AND i.state IN ('planned', 'ready', 'generating', 'made')
GROUP BY 1, 2 ORDER BY 1, 2
""")


class RowsWaitingReader:
    """Two counting queries over what is open; what has ended is never touched."""

    def __init__(self, database: Database, default_path: str) -> None:
        self._database = database
        self._default_path = default_path

    def read(self) -> RowsWaiting:
        """Everything at one moment. Raises NeighbourDown, DatabaseRefused."""

        def work(connection: Connection) -> RowsWaiting:
            jobs = connection.execute(_JOBS, {"default_path": self._default_path}).all()
            images = connection.execute(_IMAGES).all()
            return RowsWaiting(tuple(map(_backlog, jobs)), tuple(map(_backlog, images)))

        return self._database.run(work)

    def ping(self) -> None:
        """Raises NeighbourDown when PostgreSQL does not answer."""
        self._database.run(lambda connection: connection.execute(text("SELECT 1")))


def _backlog(row: Row[Any]) -> Backlog:
    return Backlog(row.path, row.state, row.number, max(0.0, float(row.oldest_s)))
