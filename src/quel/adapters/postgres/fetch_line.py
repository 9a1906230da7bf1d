"""The line of jobs that wait to be fetched: by turns of their customers, not by who pushed first.

Used where more ids came at once than are fetched in a moment. A job's turn is a round in which every customer
who waits gets one job fetched: a newcomer's joins the round that is being served.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('quel.fetch_line'))")

_LINE_UP = text("""
WITH asked AS (
    SELECT a.job_id, min(a.position) AS position
    FROM unnest(CAST(:job_ids AS uuid[])) WITH ORDINALITY AS a(job_id, position) GROUP BY a.job_id
), pending AS (
    SELECT a.job_id, a.position,
           concat_ws(':', coalesce(j.org_id::text, '-'), coalesce(j.quel_member_id::text, '-')) AS customer
    FROM asked a JOIN public.quel_production_jobs j ON j.job_id = a.job_id
    WHERE j.job_status = 'pending' AND NOT EXISTS (SELECT 1 FROM quel.fetch_line l WHERE l.job_id = a.job_id)
), served AS (
    SELECT coalesce(min(turn), 0) AS turn FROM quel.fetch_line
), own AS (
    SELECT customer, max(turn) AS turn FROM quel.fetch_line
    WHERE customer IN (SELECT customer FROM pending) GROUP BY customer
)
INSERT INTO quel.fetch_line (job_id, customer, turn)
SELECT p.job_id, p.customer, greatest(served.turn, coalesce(own.turn + 1, 0)) - 1
       + row_number() OVER (PARTITION BY p.customer ORDER BY p.position)
FROM pending p CROSS JOIN served LEFT JOIN own ON own.customer = p.customer
""")

_IN_LINE = text("SELECT job_id FROM quel.fetch_line WHERE job_id = ANY(CAST(:job_ids AS uuid[]))")

# A process that took some up and died has left them: they are handed on once more.
_TAKE = text("""
WITH first AS MATERIALIZED (
    SELECT job_id FROM quel.fetch_line
    WHERE taken_at IS NULL OR taken_at < now() - interval '60 seconds'
    ORDER BY turn, created_at LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE quel.fetch_line l SET taken_at = now() FROM first WHERE l.job_id = first.job_id
RETURNING l.job_id, l.turn, l.created_at
""")

_LEAVE = text("DELETE FROM quel.fetch_line WHERE job_id = ANY(CAST(:job_ids AS uuid[]))")


class FetchLineRows:
    """Every method raises ServiceUnavailable and DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def line_up(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Puts pending jobs into the line, behind those of their customers; those that are in it."""

        def work(connection: Connection) -> set[UUID]:
            connection.execute(_ONE_AT_A_TIME)
            connection.execute(_LINE_UP, {"job_ids": list(job_ids)})
            return set(connection.scalars(_IN_LINE, {"job_ids": list(job_ids)}))

        return self._database.run(work)

    def take(self, most: int) -> list[UUID]:
        """Up to `most` jobs whose turn it is, in order; those that do not `leave` come again in a minute."""
        rows = self._database.run(lambda connection: connection.execute(_TAKE, {"most": most}).all())
        return [row.job_id for row in sorted(rows, key=lambda row: (row.turn, row.created_at))]

    def leave(self, job_ids: Sequence[UUID]) -> None:
        """Takes jobs that were handed on out of the line."""
        self._database.run(lambda connection: connection.execute(_LEAVE, {"job_ids": list(job_ids)}))
