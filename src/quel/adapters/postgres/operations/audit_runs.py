"""Audits as rows: who asked for what, how far one has come under its lease, what it found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.operations.action_log import Actor
from quel.core.operations.audit import Difference
from quel.core.operations.audit_runs import MOST_TOLD, AuditOrder, AuditRun

LEASE_S = 600
"""For how long an audit may be silent: a page of jobs and a folder of objects take seconds."""

_COLUMNS = "audit_id, actor, since_s, objects, looked_at, found, error, created_at, started_at, ended_at"

_BEGIN = text(f"""
INSERT INTO quel.audit (actor, since_s, objects) VALUES (:actor, :since_s, :objects) RETURNING {_COLUMNS}
""")  # noqa: S608 - constants of ours

_FIND = text(f"SELECT {_COLUMNS}, differences FROM quel.audit WHERE audit_id = :audit_id")  # noqa: S608

_LATEST = text(f"""
SELECT {_COLUMNS}, CAST('[]' AS jsonb) AS differences FROM quel.audit
ORDER BY created_at DESC, audit_id LIMIT :most
""")  # noqa: S608 - as above

_PRUNE = text("DELETE FROM quel.audit WHERE ended_at < now() - interval '90 days'")

# One at a time: each reads every row there is.
_ONLY_ONE = text("SELECT pg_advisory_xact_lock(hashtextextended('quel.audit', 0))")

_TAKE = text(f"""
UPDATE quel.audit SET starts = starts + 1, started_at = now(), looked_at = '{{}}',
       lease_until = now() + make_interval(secs => :lease_s)
WHERE audit_id = (
    SELECT audit_id FROM quel.audit WHERE ended_at IS NULL
    ORDER BY created_at, audit_id LIMIT 1
) AND NOT EXISTS (SELECT 1 FROM quel.audit WHERE ended_at IS NULL AND lease_until > now())
RETURNING {_COLUMNS}, CAST('[]' AS jsonb) AS differences, starts
""")  # noqa: S608 - as above

_TELL = text("""
UPDATE quel.audit SET looked_at = CAST(:looked_at AS jsonb),
       lease_until = now() + make_interval(secs => :lease_s)
WHERE audit_id = :audit_id AND ended_at IS NULL
""")

_LET_GO = text("""
UPDATE quel.audit SET lease_until = NULL, starts = starts - 1 WHERE audit_id = :audit_id AND ended_at IS NULL
""")

_END = text("""
UPDATE quel.audit SET found = :found, differences = CAST(:differences AS jsonb), error = :error,
       lease_until = NULL, ended_at = now()
WHERE audit_id = :audit_id AND ended_at IS NULL
""")


class AuditRunRows:
    """Raises ServiceUnavailable, DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, order: AuditOrder, by: Actor) -> AuditRun:
        """Writes an audit down."""
        values = {"actor": by.name, "since_s": order.since_s, "objects": order.objects}
        return self._database.run(lambda connection: _run(connection.execute(_BEGIN, values).one(), []))

    def find(self, audit_id: UUID) -> AuditRun | None:
        """An audit with its differences, None where there is none."""
        values = {"audit_id": audit_id}
        row = self._database.run(lambda connection: connection.execute(_FIND, values).one_or_none())
        return None if row is None else _run(row, row.differences)

    def latest(self, most: int) -> list[AuditRun]:
        """At most so many, the latest first, without their differences."""
        rows = self._database.run(lambda connection: connection.execute(_LATEST, {"most": most}).all())
        return [_run(row, []) for row in rows]

    def take(self) -> tuple[AuditRun, int] | None:
        """The audit that waits longest, under a lease, and how often it was begun; None while one is made."""

        def work(connection: Connection) -> Row[Any] | None:
            connection.execute(_ONLY_ONE)
            connection.execute(_PRUNE)
            return connection.execute(_TAKE, {"lease_s": LEASE_S}).one_or_none()

        row = self._database.run(work)
        return None if row is None else (_run(row, []), row.starts)

    def tell(self, audit_id: UUID, looked_at: Mapping[str, int]) -> None:
        """Writes down how far it has come, and prolongs its lease."""
        values = {"audit_id": audit_id, "looked_at": json.dumps(looked_at), "lease_s": LEASE_S}
        self._database.run(lambda connection: connection.execute(_TELL, values))

    def let_go(self, audit_id: UUID) -> None:
        """Leaves it to another worker, which begins it anew."""
        self._database.run(lambda connection: connection.execute(_LET_GO, {"audit_id": audit_id}))

    def finish(self, audit_id: UUID, found: Sequence[Difference], looked_at: Mapping[str, int]) -> None:
        """Ends it with what it found."""
        self.tell(audit_id, looked_at)
        self._end(audit_id, found, None)

    def give_up(self, audit_id: UUID, why: str) -> None:
        """Ends it without a result."""
        self._end(audit_id, None, why)

    def _end(self, audit_id: UUID, found: Sequence[Difference] | None, error: str | None) -> None:
        told = [asdict(each) for each in (found or ())[:MOST_TOLD]]
        values = {
            "audit_id": audit_id,
            "found": None if found is None else len(found),
            "differences": json.dumps(told, default=str),
            "error": error,
        }
        self._database.run(lambda connection: connection.execute(_END, values))


def _run(row: Row[Any], differences: Sequence[Mapping[str, Any]]) -> AuditRun:
    return AuditRun(
        id=row.audit_id,
        actor=row.actor,
        since_s=row.since_s,
        objects=row.objects,
        looked_at=row.looked_at,
        found=row.found,
        differences=[_difference(each) for each in differences],
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _difference(told: Mapping[str, Any]) -> Difference:
    job_id = told["job_id"]
    return Difference(told["kind"], told["message"], UUID(job_id) if job_id else None, told["image"])
