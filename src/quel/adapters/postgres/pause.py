"""Which paths an operator has paused, why and since when: in rows, so that it outlasts Redis."""

from datetime import UTC

from sqlalchemy import text

from quel.adapters.postgres.database import Database

_NOTES = text("SELECT path, why, since FROM quel.paused_path ORDER BY path")
_PAUSE = text("""
INSERT INTO quel.paused_path (path, why, since) VALUES (:path, :why, CAST(:since AS timestamptz))
ON CONFLICT (path) DO UPDATE SET why = excluded.why, since = excluded.since
""")
_RESUME = text("DELETE FROM quel.paused_path WHERE CAST(:path AS text) IS NULL OR path = :path")


class PausedRows:
    """Reads and writes them; `*` stands for all paths."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notes(self) -> dict[str, dict[str, str]]:
        """Each paused path with {why, since}."""
        rows = self._database.run(lambda connection: connection.execute(_NOTES).all())
        return {
            row.path: {"why": row.why, "since": row.since.astimezone(UTC).isoformat(timespec="seconds")}
            for row in rows
        }

    def pause(self, path: str, why: str, since: str) -> None:
        """Notes a pause; `since` is a moment in ISO 8601."""
        values = {"path": path, "why": why, "since": since}
        self._database.run(lambda connection: connection.execute(_PAUSE, values))

    def resume(self, path: str | None) -> None:
        """Lifts a path's pause, or every one."""
        self._database.run(lambda connection: connection.execute(_RESUME, {"path": path}))
