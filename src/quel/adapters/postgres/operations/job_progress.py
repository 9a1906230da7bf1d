"""Reads how far many jobs are with one statement, for those who watch them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.job_list import JOBS_WITH_PATH, path_parameters
from quel.core.operations.job_progress import ImageProgress, JobProgress
from quel.core.request.values import attach_ids

# The front end may mark a row as cancelled whose images are still to end; one without a plan has none.
_COLUMNS = """
SELECT j.job_id, j.org_id, effective.path, coalesce(j.job_status, 'pending') AS status,
       coalesce(j.completed_images, 0) AS completed, coalesce(j.failed_images, 0) AS failed,
       j.total_images AS total, j.generated_attach_ids AS ids,
       CASE WHEN j.job_status IN ('cancelled', 'user_cancelled')
            THEN j.completed_at IS NOT NULL OR q.job_id IS NULL
            ELSE coalesce(j.job_status IN ('completed', 'failed'), false) END AS is_settled
"""
_IMAGES = """,
       (SELECT jsonb_agg(jsonb_build_array(i.image_no + 1, i.state, i.attach_id, i.reason_code)
                         ORDER BY i.image_no) FROM quel.image i WHERE i.job_id = j.job_id) AS images
"""
_BY_ID = text(f"{_COLUMNS} {_IMAGES} {JOBS_WITH_PATH} WHERE j.job_id = ANY(:job_ids)")
_OPEN = text(f"""
WITH picked AS MATERIALIZED (
    (SELECT j.job_id FROM public.quel_production_jobs j
     WHERE j.job_status IN ('pending', 'processing') OR j.job_status IS NULL
     ORDER BY j.created_at DESC LIMIT :most)
    UNION SELECT unnest(CAST(:followed AS uuid[]))
)
{_COLUMNS}, NULL AS images {JOBS_WITH_PATH} JOIN picked ON picked.job_id = j.job_id
ORDER BY j.created_at DESC
""")  # noqa: S608 - constants of ours


class JobProgressRows:
    """Reads how far jobs are. `fall_back` as in JobListRows."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._paths = path_parameters(default_path, fall_back=fall_back)

    def of(self, job_ids: Sequence[UUID]) -> list[JobProgress]:
        """Those of the jobs that have a row, with their images."""
        return self._read(_BY_ID, {"job_ids": list(job_ids)})

    def open(self, most: int, followed: Sequence[UUID] = ()) -> list[JobProgress]:
        """The newest open jobs, at most so many, and those `followed` that have a row; without images."""
        return self._read(_OPEN, {"most": most, "followed": list(followed)})

    def _read(self, statement: Any, values: dict[str, Any]) -> list[JobProgress]:
        def work(connection: Connection) -> list[JobProgress]:
            return [_progress(row) for row in connection.execute(statement, self._paths | values)]

        return self._database.run(work)


def _progress(row: Row[Any]) -> JobProgress:
    return JobProgress(
        job_id=row.job_id,
        org_id=row.org_id,
        path=row.path,
        status=str(row.status),
        completed=row.completed,
        failed=row.failed,
        total=row.total,
        attach_ids=attach_ids(row.ids),
        is_settled=row.is_settled,
        images=tuple(ImageProgress(*image) for image in row.images or ()),
    )
