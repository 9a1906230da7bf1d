"""Runs migrations against DATABASE_URL, one run at a time; the version table lives in quel's own schema.

They run with an empty search_path: what a migration does not name with its schema fails, whoever runs it.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, pool, text

from quel.adapters.postgres.schema import product_tables
from quel.adapters.postgres.schema.additive_migration import missing_indexes
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table
from quel.adapters.postgres.url import sqlalchemy_url
from quel.core.errors import SettingsError

config = context.config
if config.config_file_name and config.attributes.get("configure_logging", True):
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def _database_url() -> str:
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        sys.exit("DATABASE_URL must be set: it names the database to migrate.")
    try:
        return sqlalchemy_url(url)
    except SettingsError as error:
        sys.exit(str(error))


def _included(connection: Connection) -> Callable[..., bool]:
    """What `alembic check` compares: neither what the product has beyond the models, nor an index of the
    models that another of the same columns stands for.
    """

    @cache
    def missing() -> set[str | None]:
        return {index.name for index in missing_indexes(connection, Table.metadata)}

    def include(_object: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
        if compare_to is not None:
            return True
        if reflected:
            return kind not in {"table", "column", "index"}
        return kind != "index" or name in missing()

    return include


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Holds a lock that only one migration has at a time, in a transaction, so that no pooler keeps it.

    It asks again and again: a session that waited for the lock would itself be waited for by
    CREATE INDEX CONCURRENTLY.
    """
    with engine.connect() as connection:
        while not connection.scalar(_ONE_MIGRATION):
            connection.rollback()
            time.sleep(_ASK_EVERY_S)
        yield


_ONE_MIGRATION = text("SELECT pg_try_advisory_xact_lock(hashtext('quel.migration'))")
_ASK_EVERY_S = 0.2


def _engine() -> Engine:
    engine = create_engine(_database_url(), poolclass=pool.NullPool)
    # LOCAL, so that no pooler hands the setting on to somebody else's session.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_NO_SEARCH_PATH))
    return engine


_NO_SEARCH_PATH = "SET LOCAL search_path = pg_catalog"
_SCHEMAS = (product_tables.SCHEMA, SCHEMA)


def _make_schema(connection: Connection) -> None:
    exists = connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": SCHEMA})
    if not exists:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()


def run() -> None:
    """Applies what is missing; each migration commits on its own."""
    engine = _engine()
    with _alone(engine), engine.connect() as connection:
        connection.dialect.default_schema_name = None  # the comparison would leave out what is found without
        _make_schema(connection)
        context.configure(
            connection=connection,
            target_metadata=Table.metadata,
            version_table_schema=SCHEMA,
            include_schemas=True,
            include_name=lambda name, kind, _parents: kind != "schema" or name in _SCHEMAS,
            include_object=_included(connection),
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
