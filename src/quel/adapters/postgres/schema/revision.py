"""Which PostgreSQL answers, and how far its schema has been migrated."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database


@dataclass(frozen=True)
class SchemaState:
    """`revision` is alembic's, None where no migration has run."""

    server_version: str
    revision: str | None


def read_revision(database: Database) -> SchemaState:
    """Asks the server. Raises ServiceUnavailable."""

    def work(connection: Connection) -> SchemaState:
        version = str(connection.scalar(text("SHOW server_version")))
        known = connection.scalar(text("SELECT to_regclass('quel.alembic_version') IS NOT NULL"))
        revision = connection.scalar(text("SELECT version_num FROM quel.alembic_version")) if known else None
        return SchemaState(version, revision)

    return database.run(work)
