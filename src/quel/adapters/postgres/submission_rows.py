"""Writes what the front end writes for a new job: attach rows, a production, the job's row."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database

_ATTACH = text("""
INSERT INTO quel_attach (attach_original_name, attach_file_name, attach_file_path, attach_directory,
                         attach_file_size, attach_file_type, attach_storage_type)
VALUES (:name, :name, :path, :path, :size_bytes, :mime_type, 'supabase') RETURNING attach_id
""")

_PRODUCTION = text("""
INSERT INTO quel_production_photo (quel_member_id, org_id, production_name, quel_production_path,
                                   total_quantity)
VALUES (:member_id, :org_id, :name, :path, :total_images) RETURNING production_id
""")

_JOB = text("""
INSERT INTO quel_production_jobs (production_id, job_type, stage_index, stage_name, batch_index, total_images,
                                  job_input_data, quel_member_id, org_id, quel_production_path)
VALUES (:production_id, :job_type, :stage_index, :stage_name, :batch_index, :total_images,
        CAST(:input_data AS jsonb), :member_id, :org_id, :path)
RETURNING job_id
""")


class SubmissionRows:
    """The rows `quel submit` writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attach(self, *, name: str, path: str, size_bytes: int, mime_type: str) -> int:
        """An uploaded picture's row; its attach_id."""
        values = {"name": name, "path": path, "size_bytes": size_bytes, "mime_type": mime_type}
        return int(self._database.run(lambda connection: connection.execute(_ATTACH, values).scalar_one()))

    def job(self, row: Mapping[str, Any], *, member_id: UUID | None, org_id: UUID | None) -> UUID:
        """A production and its pending job in one transaction; the job_id.

        `row` has the columns of the job's row: job_type, job_input_data, total_images and, where given,
        quel_production_path, stage_index, stage_name and batch_index.
        """
        is_pipeline = row["job_type"] == "pipeline_stage"

        def work(connection: Connection) -> UUID:
            shared = {
                "member_id": member_id,
                "org_id": org_id,
                "path": row.get("quel_production_path"),
                "total_images": row["total_images"],
            }
            production = shared | {"name": row.get("stage_name") or "quel submit"}
            production_id = connection.execute(_PRODUCTION, production).scalar_one()
            job = shared | {
                "production_id": production_id,
                "job_type": row["job_type"],
                "stage_index": (row.get("stage_index") or 0) if is_pipeline else None,
                "stage_name": row.get("stage_name"),
                "batch_index": None if is_pipeline else (row.get("batch_index") or 0),
                "input_data": json.dumps(row["job_input_data"]),
            }
            job_id: UUID = connection.execute(_JOB, job).scalar_one()
            return job_id

        return self._database.run(work)
