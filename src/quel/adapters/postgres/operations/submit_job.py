"""Writes what the front end writes for a new job: attach rows, a production, the job's row."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.core.job import JobType
from quel.core.operations.submit_job import Upload, with_attachments

_UNKNOWN = text("""
SELECT (CAST(:member_id AS uuid) IS NOT NULL
        AND NOT EXISTS (SELECT FROM public.quel_member WHERE quel_member_id = :member_id)) AS member,
       (CAST(:org_id AS uuid) IS NOT NULL
        AND NOT EXISTS (SELECT FROM public.quel_organization WHERE org_id = :org_id)) AS org
""")

_WRITTEN = text("SELECT true FROM public.quel_production_jobs WHERE job_id = :job_id")

_ATTACH = text("""
INSERT INTO public.quel_attach (attach_original_name, attach_file_name, attach_file_path, attach_directory,
                         attach_file_size, attach_file_type, attach_storage_type)
VALUES (:name, :name, :path, :path, :size_bytes, :mime_type, 'supabase') RETURNING attach_id
""")

_PRODUCTION = text("""
INSERT INTO public.quel_production_photo (quel_member_id, org_id, production_name, quel_production_path,
                                   total_quantity)
VALUES (:member_id, :org_id, :name, :path, :total_images) RETURNING production_id
""")

_JOB = text("""
INSERT INTO public.quel_production_jobs (job_id, production_id, job_type, stage_index, stage_name,
                                         batch_index, total_images, job_input_data, quel_member_id, org_id,
                                         quel_production_path)
VALUES (:job_id, :production_id, :job_type, :stage_index, :stage_name, :batch_index,
        :total_images, CAST(:input_data AS jsonb), :member_id, :org_id, :path)
""")


class SubmitJobRows:
    """The rows `quel submit` reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown_payers(self, member_id: UUID | None, org_id: UUID | None) -> list[str]:
        """Which of the two has no row, as words for a message."""
        values = {"member_id": member_id, "org_id": org_id}
        found = self._database.run(lambda connection: connection.execute(_UNKNOWN, values).one())
        return ([f"member {member_id}"] if found.member else []) + (
            [f"organization {org_id}"] if found.org else []
        )

    def write(
        self,
        job_id: UUID,
        row: Mapping[str, Any],
        uploads: Mapping[str, Upload],
        *,
        member_id: UUID | None,
        org_id: UUID | None,
    ) -> None:
        """Attachments, a production and its pending job in one transaction.

        `row` has the columns of the job's row: job_type, job_input_data, total_images and, where given,
        quel_production_path, stage_index, stage_name and batch_index. `uploads` are the pictures by the
        name under which the input refers to them.
        """
        payer = {"member_id": member_id, "org_id": org_id}

        def work(connection: Connection) -> None:
            if connection.scalar(_WRITTEN, {"job_id": job_id}):
                return  # the first try went through, only its answer was lost
            ids = {name: _attach(connection, upload) for name, upload in uploads.items()}
            data = with_attachments(row["job_input_data"], ids.__getitem__)
            shared = payer | {"path": row.get("quel_production_path"), "total_images": row["total_images"]}
            name = row.get("stage_name") or "quel submit"
            production_id = connection.scalar(_PRODUCTION, shared | {"name": name})
            job = shared | {"job_id": job_id, "production_id": production_id, "input_data": json.dumps(data)}
            connection.execute(_JOB, job | _place(row))

        self._database.run(work)


def _attach(connection: Connection, upload: Upload) -> int:
    values = {
        "name": upload.name,
        "path": upload.path,
        "size_bytes": upload.size_bytes,
        "mime_type": upload.mime_type,
    }
    return int(connection.execute(_ATTACH, values).scalar_one())


def _place(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns the table's check ties to the job type: a stage has an index, all others a batch."""
    is_stage = row["job_type"] == JobType.PIPELINE_STAGE
    return {
        "job_type": row["job_type"],
        "stage_name": row.get("stage_name"),
        "stage_index": (row.get("stage_index") or 0) if is_stage else None,
        "batch_index": None if is_stage else (row.get("batch_index") or 0),
    }
