"""Runs migrations against DATABASE_URL; the version table lives in quel's own schema."""

import os
import sys
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from quel.adapters.postgres.pipeline_tables import SCHEMA, Table
from quel.adapters.postgres.url import sqlalchemy_url

config = context.config
if config.config_file_name and config.attributes.get("configure_logging", True):
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def _database_url() -> str:
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        sys.exit("DATABASE_URL must be set: it names the database to migrate.")
    return sqlalchemy_url(url)


def _include(_object: object, _name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """What the database has beyond the models belongs to the product and is not compared."""
    return not (reflected and compare_to is None and kind in {"table", "column", "index"})


def _make_schema(connection: Connection) -> None:
    exists = connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": SCHEMA})
    if not exists:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()


def run() -> None:
    """Applies what is missing; each migration commits on its own."""
    engine = create_engine(_database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        _make_schema(connection)
        context.configure(
            connection=connection,
            target_metadata=Table.metadata,
            version_table_schema=SCHEMA,
            include_schemas=True,
            include_object=_include,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def run_offline() -> None:
    """Prints the SQL instead: `alembic upgrade head --sql` for a database administrator to read."""
    sys.exit(
        "The migrations look at the database to add only what is missing: they cannot be printed unseen."
    )


if context.is_offline_mode():
    run_offline()
else:
    run()
