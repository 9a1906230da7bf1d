"""Writes what the front end writes for a new job: attach rows, a production, the job's row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, insert, select
from sqlmodel import col

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.schema.product_tables import Attach, Job, Member, Organization, Production
from quel.adapters.postgres.schema.webhook_tables import WebhookCallback
from quel.core.job import JobType
from quel.core.operations.submit_job import Upload, with_attachments


class SubmitJobRows:
    """The rows `quel submit` reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown_payers(self, member_id: UUID | None, org_id: UUID | None) -> list[str]:
        """Which of the two has no row, as words for a message."""
        known_member = select(col(Member.quel_member_id)).where(col(Member.quel_member_id) == member_id)
        known_org = select(col(Organization.org_id)).where(col(Organization.org_id) == org_id)

        def work(connection: Connection) -> list[str]:
            member, org = connection.scalar(known_member), connection.scalar(known_org)
            unknown = [f"member {member_id}"] if member != member_id else []
            return unknown + ([f"organization {org_id}"] if org != org_id else [])

        return self._database.run(work)

    def write(
        self,
        job_id: UUID,
        row: Mapping[str, Any],
        uploads: Mapping[str, Upload],
        *,
        member_id: UUID | None,
        org_id: UUID | None,
        callback_url: str | None = None,
    ) -> None:
        """Attachments, a production and its pending job in one transaction.

        `row` has the columns of the job's row: job_type, job_input_data, total_images and, where given,
        quel_production_path, stage_index, stage_name and batch_index. `uploads` are the pictures by the
        name under which the input refers to them; `callback_url` is told of the job's end.
        """
        written = select(col(Job.job_id)).where(col(Job.job_id) == job_id)

        def work(connection: Connection) -> None:
            if connection.scalar(written):
                return  # the first try went through, only its answer was lost
            # Before the statement with the prompt, whose foreign keys would wait for them.
            connection.execute(_lock(col(Member.quel_member_id), member_id))
            connection.execute(_lock(col(Organization.org_id), org_id))
            ids = {name: _attach(connection, upload) for name, upload in uploads.items()}
            production = insert(Production).values(
                {
                    col(Production.quel_member_id): member_id,
                    col(Production.org_id): org_id,
                    col(Production.production_name): row.get("stage_name") or "quel submit",
                    col(Production.quel_production_path): row.get("quel_production_path"),
                    col(Production.total_quantity): row["total_images"],
                }
            )
            job = {
                col(Job.job_id): job_id,
                col(Job.production_id): connection.scalar(
                    production.returning(col(Production.production_id))
                ),
                col(Job.total_images): row["total_images"],
                col(Job.job_input_data): with_attachments(row["job_input_data"], ids.__getitem__),
                col(Job.quel_member_id): member_id,
                col(Job.org_id): org_id,
                col(Job.quel_production_path): row.get("quel_production_path"),
            }
            connection.execute(insert(Job).values(job | _place(row)))
            if callback_url is not None:
                callback = {col(WebhookCallback.job_id): job_id, col(WebhookCallback.url): callback_url}
                connection.execute(insert(WebhookCallback).values(callback))

        self._database.run(work)


def _lock(key: Any, value: UUID | None) -> Select[Any]:
    return select(key).where(key == value).with_for_update(read=True, key_share=True)


def _attach(connection: Connection, upload: Upload) -> int:
    attach = insert(Attach).values(
        {
            col(Attach.attach_original_name): upload.name,
            col(Attach.attach_file_name): upload.name,
            col(Attach.attach_file_path): upload.path,
            col(Attach.attach_directory): upload.path,
            col(Attach.attach_file_size): upload.size_bytes,
            col(Attach.attach_file_type): upload.mime_type,
            col(Attach.attach_storage_type): "supabase",
        }
    )
    return int(connection.execute(attach.returning(col(Attach.attach_id))).scalar_one() or 0)


def _place(row: Mapping[str, Any]) -> dict[Any, Any]:
    """The columns the table's check ties to the job type: a stage has an index, all others a batch."""
    is_stage = row["job_type"] == JobType.PIPELINE_STAGE
    return {
        col(Job.job_type): row["job_type"],
        col(Job.stage_name): row.get("stage_name"),
        col(Job.stage_index): (row.get("stage_index") or 0) if is_stage else None,
        col(Job.batch_index): None if is_stage else (row.get("batch_index") or 0),
    }
