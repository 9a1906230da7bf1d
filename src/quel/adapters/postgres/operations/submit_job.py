"""Writes what the front end writes for a new job: attach rows, a production, the job's row."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, insert, select, text
from sqlmodel import col

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import read_held
from quel.adapters.postgres.schema.product_tables import Attach, Job, Member, Organization, Production
from quel.adapters.postgres.schema.webhook_tables import WebhookCallback
from quel.core import credits
from quel.core.errors import Conflict
from quel.core.job import JobType
from quel.core.operations.submit_job import EarlierSubmission, SubmissionKey, Upload, with_attachments

_NO_JOB = UUID(int=0)


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
        key: SubmissionKey | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> datetime:
        """Attachments, a production, its pending job and its key in one transaction; its moment.

        `row` has the columns of the job's row: job_type, job_input_data, total_images and, where given,
        quel_production_path, stage_index, stage_name and batch_index. `uploads` are the pictures by the
        name under which the input refers to them; `callback_url` is told of the job's end. `facts` are kept
        with the key. Raises Conflict where the key was used at this very moment.
        """
        written = select(col(Job.created_at)).where(col(Job.job_id) == job_id)

        def work(connection: Connection) -> datetime:
            created_at = connection.scalar(written)
            if created_at:
                return created_at  # the first try went through, only its answer was lost
            if key is not None:
                _take_key(connection, key, job_id, facts or {})
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
            statement = insert(Job).values(job | _place(row)).returning(col(Job.created_at))
            created_at = connection.execute(statement).scalar_one() or datetime.now(UTC)
            if callback_url is not None:
                callback = {col(WebhookCallback.job_id): job_id, col(WebhookCallback.url): callback_url}
                connection.execute(insert(WebhookCallback).values(callback))
            return created_at

        return self._database.run(work)

    def earlier(self, key: SubmissionKey) -> EarlierSubmission | None:
        """What the key was used for within a week, None where it is new."""
        row = self._database.run(lambda connection: connection.execute(_EARLIER, vars(key)).one_or_none())
        return None if row is None else EarlierSubmission(**row._mapping)

    def accounts(
        self, org_id: UUID | None, member_ids: Sequence[UUID]
    ) -> tuple[credits.Organization | None, dict[UUID, int]]:
        """The organization, None where it has no row, and the credits of the members that have one."""

        def work(connection: Connection) -> tuple[credits.Organization | None, dict[UUID, int]]:
            org = connection.execute(_ORGANIZATION, {"org_id": org_id}).one_or_none()
            ids = [*member_ids, *([org.owner_id] if org else [])]
            members = {row.id: int(row.credit) for row in connection.execute(_MEMBERS, {"ids": ids})}
            return credits.Organization(**org._mapping) if org else None, members

        return self._database.run(work)

    def held(self, kind: credits.PayerKind, account_id: UUID) -> int:
        """The credits of an account that are promised to images under way."""
        return self._database.run(lambda connection: read_held(connection, kind, account_id, but_for=_NO_JOB))


def _take_key(connection: Connection, key: SubmissionKey, job_id: UUID, facts: Mapping[str, Any]) -> None:
    connection.execute(_FORGET, vars(key))
    values = vars(key) | {"job_id": job_id, "facts": json.dumps(facts)}
    if connection.execute(_KEEP, values).rowcount == 0:
        raise Conflict(
            "A request with this key is being answered at this moment: ask again.", code="still_running"
        )


_EARLIER = text("""
SELECT body_sha256, job_id, created_at, facts FROM quel.submission
WHERE holder = :holder AND key = :key AND created_at > now() - interval '7 days'
""")

# A hundred at a time, so that no submit pays for a million of them.
_FORGET = text("""
DELETE FROM quel.submission WHERE (holder, key) IN (
    SELECT holder, key FROM quel.submission WHERE created_at <= now() - interval '7 days'
    ORDER BY holder = :holder AND key = :key DESC, created_at LIMIT 100 FOR UPDATE SKIP LOCKED)
""")
_KEEP = text("""
INSERT INTO quel.submission (holder, key, body_sha256, job_id, facts)
VALUES (:holder, :key, :body_sha256, :job_id, CAST(:facts AS jsonb)) ON CONFLICT DO NOTHING
""")

_ORGANIZATION = text("""
SELECT org_id, org_status AS status, coalesce(org_credit, 0) AS credits, owner_id
FROM public.quel_organization WHERE org_id = :org_id
""")
_MEMBERS = text("""
SELECT quel_member_id AS id, coalesce(quel_member_credit, 0) AS credit
FROM public.quel_member WHERE quel_member_id = ANY(:ids)
""")


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
