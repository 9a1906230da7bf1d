"""The outbox of webhooks, in memory, and a receiver that answers as it is told."""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

from quel.core.deliver_webhook import (
    KEPT_D,
    LEASE_S,
    Answer,
    Delivered,
    Delivery,
    DeliveryDecision,
    GiveUp,
    TryAgain,
)
from quel.core.request.values import attach_ids
from quel.core.webhooks.event import EndedJob, event_body, event_type
from quel.core.webhooks.target import WebhookPolicy
from quel.sandbox.memory.tables import Job, Tables, Webhook

_DAY_S = 86_400.0


def write_webhooks(tables: Tables, job: Job, policy: WebhookPolicy) -> int:
    """One row a receiver of the job that has just ended; how many."""
    kind = event_type(job.job_status)
    receivers = [None] if policy.url else []
    if kind is None or not receivers:
        return 0
    body = event_body(kind, _ended(tables, job))
    for url in receivers:
        webhook_id = UUID(int=len(tables.webhooks) + 1)
        now = tables.clock.now
        tables.webhooks[webhook_id] = Webhook(webhook_id, job.job_id, kind, url, body, not_before=now)
    return len(receivers)


def _ended(tables: Tables, job: Job) -> EndedJob:
    claimed = tables.pipeline_jobs.get(job.job_id)
    return EndedJob(
        job_id=job.job_id,
        status=job.job_status,
        job_type=job.job_type,
        path=claimed.path if claimed else job.quel_production_path,
        production_id=job.production_id,
        org_id=job.org_id,
        member_id=job.quel_member_id,
        total_images=job.total_images,
        completed_images=job.completed_images,
        failed_images=job.failed_images,
        attach_ids=tuple(attach_ids(job.generated_attach_ids)),
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        updated_at=job.updated_at,
    )


class DeliverWebhookRows:
    """As quel.adapters.postgres.deliver_webhook has them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def claim(self, job_id: UUID) -> Delivery | None:
        """A webhook of the job that is due, leased and counted as tried; None for none."""
        row = next((each for each in self._due() if each.job_id == job_id), None)
        if row is None:
            return None
        row.tries += 1
        row.not_before = self._tables.clock.after(LEASE_S)
        return Delivery(row.webhook_id, row.job_id, row.type, row.url, row.body, row.tries)

    def finish(self, delivery: Delivery, answer: Answer, decision: DeliveryDecision) -> None:
        """Writes down what came of a try, and when the next one is due."""
        row = self._tables.webhooks[delivery.webhook_id]
        is_latest = row.tries == delivery.tries or isinstance(decision, Delivered)
        if row.state != "waiting" or not is_latest:
            return
        row.last_status, row.last_code = answer.status, answer.code or None
        match decision:
            case TryAgain(delay_s):
                row.not_before = self._tables.clock.after(delay_s)
            case Delivered() | GiveUp():
                row.state = "delivered" if isinstance(decision, Delivered) else "given_up"
                row.ended_at = self._tables.clock.now

    def due(self, most: int) -> Sequence[UUID]:
        """The jobs of at most so many webhooks that are due, the longest due first."""
        return list(dict.fromkeys(row.job_id for row in self._due()[:most]))

    def forget(self) -> int:
        """Deletes what ended a long time ago; how many."""
        clock, kept_s = self._tables.clock, KEPT_D * _DAY_S
        old = [
            row.webhook_id
            for row in self._tables.webhooks.values()
            if row.ended_at is not None and clock.since(row.ended_at) > kept_s
        ]
        for webhook_id in old:
            del self._tables.webhooks[webhook_id]
        return len(old)

    def _due(self) -> list[Webhook]:
        now = self._tables.clock.now
        waiting = (row for row in self._tables.webhooks.values() if row.state == "waiting")
        return sorted((row for row in waiting if row.not_before <= now), key=lambda row: row.not_before)


class WebhookSender:
    """A receiver that gives the planned answers one after the other, and 200 when there are no more."""

    def __init__(self) -> None:
        self.sent: list[Delivery] = []
        self._answers: deque[Answer] = deque()

    def plan(self, *answers: Answer) -> None:
        """What it answers next."""
        self._answers.extend(answers)

    def send(self, delivery: Delivery) -> Answer:
        """Takes a webhook, and answers."""
        self.sent.append(delivery)
        return self._answers.popleft() if self._answers else Answer(200)
