"""Every provider call that began in the last days, a row each: what the shared quota is counted from anew.

A row is written with the lease of its image, before the call, so a call is in the rows before the provider
sees it. Rows are only added, and each takes two that are too old along: nobody waits for anybody's row, and
no task need clear them away.
"""

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.core.engines import GEMINI
from quel.core.quota import CallsBegun

_KEPT_S = 2 * 24 * 3600  # longer than any quota day

_RECORD = text("""
WITH old AS (
    DELETE FROM quel.provider_call WHERE owner IN (
        SELECT owner FROM quel.provider_call WHERE called_at < now() - make_interval(secs => :kept_s)
        ORDER BY called_at LIMIT 2 FOR UPDATE SKIP LOCKED)
)
INSERT INTO quel.provider_call (owner, engine) VALUES (:owner, :engine) ON CONFLICT (owner) DO NOTHING
""")

_BEGUN = text("""
SELECT
    ARRAY(SELECT CAST(extract(epoch FROM now() - called_at) AS float8) FROM quel.provider_call
          WHERE engine = :engine AND called_at > now() - make_interval(secs => :window_s)
          ORDER BY called_at DESC) AS ages_s,
    (SELECT count(*) FROM quel.provider_call
     WHERE engine = :engine AND called_at >= now() - make_interval(secs => :day_s)) AS today,
    ARRAY(SELECT lease_owner FROM quel.image
          WHERE engine = :engine AND state = 'generating' AND lease_until > now()) AS under_way
""")


def record_call(connection: Connection, owner: str, engine: str = GEMINI) -> None:
    """Notes that the call of `owner`, its slot's and its lease's, is about to begin."""
    connection.execute(_RECORD, {"owner": owner, "engine": engine, "kept_s": _KEPT_S})


class ProviderCalls:
    """Counts those to one engine."""

    def __init__(self, database: Database, engine: str = GEMINI) -> None:
        self._database, self._engine = database, engine

    def begun(self, window_s: float, day_s: float) -> CallsBegun:
        """The calls of the last `window_s`, how many began in the last `day_s`, and those under way."""

        values = {"window_s": window_s, "day_s": day_s, "engine": self._engine}

        def work(connection: Connection) -> CallsBegun:
            row = connection.execute(_BEGUN, values).one()
            return CallsBegun(tuple(row.ages_s), row.today, tuple(row.under_way))

        return self._database.run(work)
