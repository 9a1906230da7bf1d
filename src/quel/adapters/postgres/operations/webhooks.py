"""Lists the webhooks of the outbox, and sets them back so that they are sent again."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.operations.webhooks import SentWebhook, WebhookFilter, WebhookState, host_shown

_MEANT = """
    (CAST(:job_id AS uuid) IS NULL OR w.job_id = :job_id)
AND (CAST(:state AS text) IS NULL OR w.state = :state)
AND (CAST(:within_s AS float8) IS NULL OR w.created_at >= now() - make_interval(secs => :within_s))
AND (CAST(:ids AS uuid[]) IS NULL OR w.webhook_id = ANY(CAST(:ids AS uuid[])))
"""

_LIST = text(f"""
SELECT w.webhook_id, w.job_id, w.type, w.url, w.state, w.tries, w.last_status, w.last_code,
       w.created_at, w.tried_at, w.not_before, w.ended_at
FROM quel.webhook w WHERE {_MEANT}
ORDER BY w.created_at DESC, w.webhook_id LIMIT :most
""")  # noqa: S608 - constants of ours

_BEGIN_SO = text("""
SELECT w.webhook_id FROM quel.webhook w WHERE w.webhook_id BETWEEN :first AND :last
ORDER BY w.webhook_id LIMIT :most
""")

_AGAIN = text(f"""
UPDATE quel.webhook w SET state = 'waiting', tries = 0, not_before = now(), ended_at = NULL
WHERE w.webhook_id IN (
    SELECT w.webhook_id FROM quel.webhook w WHERE {_MEANT} ORDER BY w.created_at LIMIT :most FOR UPDATE)
RETURNING w.job_id
""")  # noqa: S608 - constants of ours


class WebhookListRows:
    """The outbox as operators look at it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def webhooks(self, meant: WebhookFilter, most: int) -> list[SentWebhook]:
        """At most so many, the latest first."""
        values = _values(meant, most)
        rows = self._database.run(lambda connection: connection.execute(_LIST, values).all())
        return [_webhook(row) for row in rows]

    def ids_between(self, first: UUID, last: UUID, most: int) -> list[UUID]:
        """At most so many ids between two."""
        values = {"first": first, "last": last, "most": most}
        return self._database.run(lambda connection: list(connection.scalars(_BEGIN_SO, values)))

    def send_again(self, meant: WebhookFilter, most: int) -> list[UUID]:
        """Sets at most so many back to be tried now, as new; the job of each."""
        values = _values(meant, most)

        def work(connection: Connection) -> list[UUID]:
            return list(connection.scalars(_AGAIN, values))

        return self._database.run(work)


def _values(meant: WebhookFilter, most: int) -> dict[str, Any]:
    return {
        "job_id": meant.job_id,
        "state": meant.state,
        "within_s": meant.within_s,
        "ids": list(meant.ids) or None,
        "most": most,
    }


def _webhook(row: Row[Any]) -> SentWebhook:
    state = WebhookState(row.state)
    return SentWebhook(
        id=f"msg_{row.webhook_id.hex}",
        job_id=row.job_id,
        type=row.type,
        host=host_shown(row.url),
        state=state,
        tries=row.tries,
        last_status=row.last_status,
        last_code=row.last_code,
        created_at=row.created_at,
        tried_at=row.tried_at,
        next_at=row.not_before if state is WebhookState.WAITING else None,
        ended_at=row.ended_at,
    )
