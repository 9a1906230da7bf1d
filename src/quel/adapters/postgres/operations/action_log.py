"""The operator log: rows that are only added, within the act they record."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.core.operations.action_log import Action, ActionEnd, Actor

_WRITE = text("""
INSERT INTO quel.action (actor, channel, verb, job_id, target, outcome, detail, request_id)
SELECT :actor, :channel, :verb, a.job_id, CAST(:target AS jsonb), :outcome, :detail, :request_id
FROM unnest(CAST(:job_ids AS uuid[])) AS a(job_id)
""")

COLUMNS = "a.at, a.actor, a.channel, a.verb, a.job_id, a.target, a.outcome, a.detail"

_LATEST = text(f"""
SELECT {COLUMNS} FROM quel.action a
WHERE CAST(:since_s AS float8) IS NULL OR a.at >= now() - make_interval(secs => :since_s)
ORDER BY a.at DESC, a.id DESC LIMIT :most
""")  # noqa: S608 - a constant of ours

_PRUNE = text("DELETE FROM quel.action WHERE at < now() - interval '400 days'")


class ActionLogRows:
    """Writes and reads who did what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def during(
        self, actor: Actor, verb: str, job_ids: Sequence[UUID], target: Mapping[str, Any]
    ) -> Iterator[None]:
        """Records an act as done: written before it begins, committed once it has ended, else undone."""
        with self._database.held() as connection:
            _write(connection, actor, verb, job_ids, target, ActionEnd.DONE, "")
            yield

    def write(
        self,
        actor: Actor,
        verb: str,
        job_ids: Sequence[UUID],
        target: Mapping[str, Any],
        *,
        outcome: ActionEnd,
        detail: str,
    ) -> None:
        """Records an act that was not done, and why."""
        self._database.run(
            lambda connection: _write(connection, actor, verb, job_ids, target, outcome, detail)
        )

    def latest(self, since_s: float | None, most: int) -> list[Action]:
        """At most so many acts, the latest first."""
        values = {"since_s": since_s, "most": most}
        rows = self._database.run(lambda connection: connection.execute(_LATEST, values).all())
        return [Action(**row._mapping) for row in rows]

    def prune(self) -> None:
        """Forgets what is older than 400 days."""
        self._database.run(lambda connection: connection.execute(_PRUNE))


def _write(
    connection: Connection,
    actor: Actor,
    verb: str,
    job_ids: Sequence[UUID],
    target: Mapping[str, Any],
    outcome: ActionEnd,
    detail: str,
) -> None:
    jobs: list[UUID | None] = [*job_ids] or [None]
    values = {
        "actor": actor.name,
        "channel": actor.channel,
        "verb": verb,
        "job_ids": jobs,
        "target": json.dumps(target, default=str),
        "outcome": outcome,
        "detail": detail,
        "request_id": actor.request_id,
    }
    connection.execute(_WRITE, values)
