"""What must last is in PostgreSQL: the provider calls of the last days, and what an operator has paused."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    create_index_concurrently,
    create_missing_tables,
    missing_indexes,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, PausedPath, ProviderCall, Table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    connection = op.get_bind()
    create_missing_tables(connection, Table.metadata)
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (ProviderCall, PausedPath):
        op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{table.__tablename__}")
