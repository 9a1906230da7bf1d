"""Jobs as people look at them: found by what narrows them, in pages by keyset, and never changed.

A job's path is the one quel claimed it on; before that its kind's, where the sweep has told it and that has a
path of its own, else its own name, else its production's, else the default path, as in routing.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.job import JobStatus
from quel.core.kinds import ALL_PATHS, OWN_PATHS
from quel.core.operations.job_list import JobFilter, JobView, Place

JOBS_WITH_PATH = """
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
LEFT JOIN quel.job_kind told ON told.job_id = j.job_id
CROSS JOIN LATERAL (
    SELECT lower(btrim(coalesce(
        nullif(btrim(j.quel_production_path), ''), p.quel_production_path, ''))) AS name
) given
CROSS JOIN LATERAL (
    SELECT coalesce(q.path, CASE
        WHEN told.kind = ANY(:own_paths) THEN told.kind
        WHEN given.name = ANY(:known_paths) OR (given.name <> '' AND NOT :fall_back) THEN given.name
        ELSE :default_path END) AS path
) effective
"""
"""The jobs `j` with quel's own row `q` and `effective.path`; needs the parameters of `path_parameters`."""

JOB_COLUMNS = """
SELECT j.job_id, j.job_type, coalesce(j.job_status, 'pending') AS status, effective.path, j.total_images,
       coalesce(j.completed_images, 0) AS completed, coalesce(j.failed_images, 0) AS failed,
       j.created_at, j.started_at, j.completed_at, j.error_message, coalesce(j.retry_count, 0) AS recoveries,
       extract(epoch FROM now() - j.created_at)::float8 AS age_s, q.job_id IS NOT NULL AS is_planned
"""

# Only what is asked for is written into the statement, so that an index can serve it.
CONDITIONS = {
    "path": "effective.path = :path",
    "statuses": "j.job_status = ANY(CAST(:statuses AS public.job_status_enum[]))",
    "failed": "j.job_status = 'failed'",  # in the words of the partial index
    "unset": "(j.job_status = ANY(CAST(:statuses AS public.job_status_enum[])) OR j.job_status IS NULL)",
    "job_type": "j.job_type = :job_type",
    "org_id": "j.org_id = :org_id",
    "member_id": "j.quel_member_id = :member_id",
    "since_s": "j.created_at >= now() - make_interval(secs => :since_s)",
    "until": "j.created_at <= :until",
    "since": "j.created_at >= :since",
    "production_id": "j.production_id = :production_id",
    "words": "j.error_message ILIKE :words",
    "refused": "j.job_status = 'failed' AND q.job_id IS NULL",
    "reason": """EXISTS (SELECT 1 FROM quel.image i WHERE i.job_id = j.job_id AND i.state = 'failed'
                         AND coalesce(i.reason_code, 'unknown') = :reason)""",
}
_LITERALLY, _ESCAPED = re.compile(r"([\\%_])"), r"\\\1"
_PLACE = "(j.created_at, j.job_id) {beyond} (CAST(:at AS timestamptz), CAST(:job_id AS uuid))"

_BEGIN_SO = text("""
SELECT j.job_id FROM public.quel_production_jobs j WHERE j.job_id BETWEEN :first AND :last
ORDER BY j.job_id LIMIT :most
""")

_BY_ID = text(JOB_COLUMNS + JOBS_WITH_PATH + "WHERE j.job_id = ANY(:job_ids) ORDER BY j.created_at, j.job_id")


def path_parameters(default_path: str, *, fall_back: bool) -> dict[str, object]:
    """The parameters of JOBS_WITH_PATH. `fall_back`: a name that no path has counts as the default too."""
    return {
        "default_path": default_path,
        "known_paths": sorted(ALL_PATHS),
        "own_paths": list(OWN_PATHS),
        "fall_back": fall_back,
    }


class JobListRows:
    """Lists jobs. `fall_back` says whether a path name that is not known counts as the default path."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._paths = path_parameters(default_path, fall_back=fall_back)

    def jobs(
        self, chosen: JobFilter, *, most: int, newest: bool = False, after: Place | None = None
    ) -> list[JobView]:
        """At most `most` jobs behind `after`, the oldest or newest first."""
        conditions, values = narrowed(chosen)
        if after is not None:
            conditions.append(_PLACE.format(beyond="<" if newest else ">"))
            values |= {"at": after.created_at, "job_id": after.job_id}
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "DESC" if newest else "ASC"
        tail = f"{where} ORDER BY j.created_at {order}, j.job_id {order} LIMIT :most"
        statement = text(JOB_COLUMNS + JOBS_WITH_PATH + tail)
        values |= {"most": most}
        return self._database.run(lambda connection: self._views(connection, statement, values))

    def ids_between(self, first: UUID, last: UUID, most: int) -> list[UUID]:
        """At most so many ids of jobs from `first` to `last`."""
        values = {"first": first, "last": last, "most": most}
        return self._database.run(lambda connection: list(connection.scalars(_BEGIN_SO, values)))

    def jobs_by_id(self, job_ids: Sequence[UUID]) -> list[JobView]:
        """Those of the jobs that have a row, oldest first."""
        values = {"job_ids": list(job_ids)}
        return self._database.run(lambda connection: self._views(connection, _BY_ID, values))

    def _views(self, connection: Connection, statement: Any, values: dict[str, Any]) -> list[JobView]:
        return [view_of(row) for row in connection.execute(statement, self._paths | values)]


def narrowed(chosen: JobFilter) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a filter, over the tables of JOBS_WITH_PATH, and their parameters."""
    values: dict[str, Any] = {
        name: value for name, value in vars(chosen).items() if value is not None and value != ()
    }
    names = list(values)
    if chosen.statuses:
        values["statuses"] = [status.value for status in chosen.statuses]
        how = "failed" if chosen.statuses == (JobStatus.FAILED,) else "statuses"
        names[names.index("statuses")] = "unset" if JobStatus.PENDING in chosen.statuses else how
    if chosen.words:
        values["words"] = f"%{_LITERALLY.sub(_ESCAPED, chosen.words)}%"
    if chosen.reason == "refused":
        names[names.index("reason")] = "refused"
    return [CONDITIONS[name] for name in names], values


def view_of(row: Row[Any]) -> JobView:
    """The job's row for people, of JOB_COLUMNS and whatever stands beside them."""
    values = {name: row._mapping[name] for name in JobView.__dataclass_fields__}
    return JobView(**{**values, "status": JobStatus(row.status)})
