"""Writes the webhooks of a job into the outbox, in the transaction that ends the job."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, text
from sqlmodel import col

from quel.adapters.postgres.schema.webhook_tables import Webhook
from quel.core.request.values import attach_ids
from quel.core.webhooks.event import EndedJob, event_body, event_type
from quel.core.webhooks.target import WebhookPolicy

_ENDED = text("""
SELECT j.job_id, coalesce(j.job_status::text, 'pending') AS status, j.job_type,
       coalesce(q.path, j.quel_production_path) AS path,
       j.production_id, j.org_id, j.quel_member_id, j.total_images, j.completed_images, j.failed_images,
       j.generated_attach_ids, j.created_at, j.started_at, j.completed_at, j.updated_at,
       c.url AS callback_url
FROM public.quel_production_jobs j
LEFT JOIN quel.job q ON q.job_id = j.job_id
LEFT JOIN quel.webhook_callback c ON c.job_id = j.job_id
WHERE j.job_id = :job_id
""")


def write_webhooks(connection: Connection, job_id: UUID, policy: WebhookPolicy) -> int:
    """One row a receiver of the job that has just ended; how many. Nothing is asked where none is set."""
    if not policy.is_set:
        return 0
    row = connection.execute(_ENDED, {"job_id": job_id}).one()
    receivers = [None] if policy.url else []
    receivers += [row.callback_url] if row.callback_url and policy.hosts else []
    kind = event_type(row.status)
    if kind is None or not receivers:
        return 0
    body = event_body(kind, _ended(row))
    told: dict[Any, Any] = {col(Webhook.job_id): job_id, col(Webhook.type): kind, col(Webhook.body): body}
    connection.execute(insert(Webhook).values([told | {col(Webhook.url): url} for url in receivers]))
    return len(receivers)


def _ended(row: Row[Any]) -> EndedJob:
    return EndedJob(
        job_id=row.job_id,
        status=row.status,
        job_type=row.job_type,
        path=row.path,
        production_id=row.production_id,
        org_id=row.org_id,
        member_id=row.quel_member_id,
        total_images=row.total_images,
        completed_images=row.completed_images or 0,
        failed_images=row.failed_images or 0,
        attach_ids=tuple(attach_ids(row.generated_attach_ids)),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        updated_at=row.updated_at,
    )
