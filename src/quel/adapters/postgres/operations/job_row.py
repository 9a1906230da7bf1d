"""Reads a job's row as the front end polls it, and whose it is."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from quel.adapters.postgres.database import Database

_COLUMNS = (
    *("job_id", "production_id", "job_type", "stage_index", "stage_name", "batch_index", "job_status"),
    *("total_images", "completed_images", "failed_images", "generated_attach_ids", "error_message"),
    *("retry_count", "created_at", "started_at", "completed_at", "updated_at", "quel_member_id"),
    "job_input_data",
)

_ROW = text(f"""
SELECT {", ".join(_COLUMNS)} FROM public.quel_production_jobs
WHERE job_id = :job_id AND (CAST(:org_id AS uuid) IS NULL OR org_id = :org_id)
""")  # noqa: S608 - constants of ours

_OF_ORG = text(
    "SELECT job_id FROM public.quel_production_jobs WHERE job_id = ANY(:job_ids) AND org_id = :org_id"
)


class JobRows:
    """Reads rows as they stand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, job_id: UUID, org_id: UUID | None) -> Mapping[str, Any] | None:
        """The columns of a job by name; None where there is no such job, or `org_id` has not ordered it."""
        values = {"job_id": job_id, "org_id": org_id}
        row = self._database.run(lambda connection: connection.execute(_ROW, values).one_or_none())
        return None if row is None else dict(row._mapping)

    def of_org(self, job_ids: list[UUID], org_id: UUID) -> set[UUID]:
        """Those of the jobs that the organization has ordered."""
        values = {"job_ids": job_ids, "org_id": org_id}
        return self._database.run(lambda connection: set(connection.scalars(_OF_ORG, values)))
