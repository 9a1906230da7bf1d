"""Which webhooks are to be tried now, and what became of a try; each is tried by one worker at a time."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
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

# A try that is never told of (its worker has died) is due again when its lease is over.
_CLAIM = text("""
UPDATE quel.webhook
SET tries = tries + 1, not_before = now() + make_interval(secs => :lease_s), tried_at = now()
WHERE webhook_id = (
    SELECT webhook_id FROM quel.webhook
    WHERE job_id = :job_id AND state = 'waiting' AND not_before <= now()
    ORDER BY not_before, webhook_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING webhook_id, job_id, type, url, body, tries
""")

# What has been delivered is delivered, whoever else has taken it up meanwhile.
_FINISH = text("""
UPDATE quel.webhook
SET state = :state, last_status = :status, last_code = :code,
    not_before = CASE WHEN :state = 'waiting' THEN now() + make_interval(secs => :delay_s)
                      ELSE not_before END,
    ended_at = CASE WHEN :state = 'waiting' THEN NULL ELSE now() END
WHERE webhook_id = :webhook_id AND state = 'waiting' AND (tries = :tries OR :state = 'delivered')
""")

_DUE = text("""
SELECT DISTINCT job_id FROM (
    SELECT job_id FROM quel.webhook WHERE state = 'waiting' AND not_before <= now()
    ORDER BY not_before LIMIT :most) due
""")

_FORGET = text("""
DELETE FROM quel.webhook WHERE webhook_id IN (
    SELECT webhook_id FROM quel.webhook WHERE ended_at < now() - make_interval(days => :kept_d)
    ORDER BY ended_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")

_FORGET_CALLBACKS = text("""
DELETE FROM quel.webhook_callback WHERE job_id IN (
    SELECT c.job_id FROM quel.webhook_callback c
    LEFT JOIN public.quel_production_jobs j ON j.job_id = c.job_id
    WHERE c.created_at < now() - make_interval(days => :kept_d)
      AND (j.job_id IS NULL OR j.completed_at < now() - make_interval(days => :kept_d))
    ORDER BY c.created_at LIMIT :most)
""")

_MOST_FORGOTTEN = 500  # of each kind in one sweep: a fraction of a second


class DeliverWebhookRows:
    """The rows deliver_webhook reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, job_id: UUID) -> Delivery | None:
        """A webhook of the job that is due, leased and counted as tried; None for none."""
        values = {"job_id": job_id, "lease_s": LEASE_S}
        row = self._database.run(lambda connection: connection.execute(_CLAIM, values).one_or_none())
        return None if row is None else Delivery(*row)

    def finish(self, delivery: Delivery, answer: Answer, decision: DeliveryDecision) -> None:
        """Writes down what came of a try, and when the next one is due."""
        states = {Delivered: "delivered", TryAgain: "waiting", GiveUp: "given_up"}
        values = {
            "webhook_id": delivery.webhook_id,
            "tries": delivery.tries,
            "state": states[type(decision)],
            "status": answer.status,
            "code": answer.code or None,
            "delay_s": decision.delay_s if isinstance(decision, TryAgain) else 0.0,
        }
        self._database.run(lambda connection: connection.execute(_FINISH, values))

    def due(self, most: int) -> Sequence[UUID]:
        """The jobs of at most so many webhooks that are due, the longest due first."""
        return self._database.run(lambda connection: list(connection.scalars(_DUE, {"most": most})))

    def forget(self) -> int:
        """Deletes a batch of what ended a long time ago; how many."""
        values = {"kept_d": KEPT_D, "most": _MOST_FORGOTTEN}

        def work(connection: Connection) -> int:
            return sum(connection.execute(each, values).rowcount for each in (_FORGET, _FORGET_CALLBACKS))

        return self._database.run(work)
