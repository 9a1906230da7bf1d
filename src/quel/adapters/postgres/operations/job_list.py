"""Jobs as people look at them: listed by path and status, oldest first, and never changed.

A job's path is the one quel claimed it on; before that its own name, else its production's, else the default
path, so that a null path counts as the default here as it does in routing.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.job import JobStatus
from quel.core.operations.job_list import JobView
from quel.core.paths import PATHS

JOBS_WITH_PATH = """
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
CROSS JOIN LATERAL (
    SELECT lower(btrim(coalesce(
        nullif(btrim(j.quel_production_path), ''), p.quel_production_path, ''))) AS name
) given
CROSS JOIN LATERAL (
    SELECT coalesce(q.path, CASE
        WHEN given.name = ANY(:known_paths) OR (given.name <> '' AND NOT :fall_back) THEN given.name
        ELSE :default_path END) AS path
) effective
"""
"""The jobs `j` with quel's own row `q` and `effective.path`; needs the parameters of `path_parameters`."""

_COLUMNS = """
SELECT j.job_id, j.job_type, coalesce(j.job_status, 'pending') AS status, effective.path, j.total_images,
       coalesce(j.completed_images, 0) AS completed, coalesce(j.failed_images, 0) AS failed,
       j.created_at, j.started_at, j.completed_at, j.error_message, coalesce(j.retry_count, 0) AS recoveries,
       extract(epoch FROM now() - j.created_at)::float8 AS age_s
"""

_BY_STATUS = text(
    _COLUMNS
    + JOBS_WITH_PATH
    + """
WHERE (CAST(:status AS text) IS NULL OR j.job_status = CAST(CAST(:status AS text) AS public.job_status_enum))
  AND (CAST(:path AS text) IS NULL OR effective.path = :path)
ORDER BY j.created_at, j.job_id LIMIT :most
"""
)

_BY_ID = text(_COLUMNS + JOBS_WITH_PATH + "WHERE j.job_id = ANY(:job_ids) ORDER BY j.created_at, j.job_id")


def path_parameters(default_path: str, *, fall_back: bool) -> dict[str, object]:
    """The parameters of JOBS_WITH_PATH. `fall_back`: a name that no path has counts as the default too."""
    return {"default_path": default_path, "known_paths": sorted(PATHS), "fall_back": fall_back}


class JobListRows:
    """Lists jobs. `fall_back` says whether a path name that is not known counts as the default path."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._paths = path_parameters(default_path, fall_back=fall_back)

    def jobs(self, *, path: str | None, status: JobStatus | None, most: int) -> list[JobView]:
        """At most `most` jobs, oldest first; None asks for every path or every status."""
        values = {"path": path, "status": status and status.value, "most": most}
        return self._database.run(lambda connection: self._views(connection, _BY_STATUS, values))

    def jobs_by_id(self, job_ids: Sequence[UUID]) -> list[JobView]:
        """Those of the jobs that have a row, oldest first."""
        values = {"job_ids": list(job_ids)}
        return self._database.run(lambda connection: self._views(connection, _BY_ID, values))

    def _views(self, connection: Connection, statement: Any, values: dict[str, Any]) -> list[JobView]:
        return [_view(row) for row in connection.execute(statement, self._paths | values)]


def _view(row: Row[Any]) -> JobView:
    return JobView(**{**row._mapping, "status": JobStatus(row.status)})
