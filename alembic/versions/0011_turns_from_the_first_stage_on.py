"""Whose turn it is from the first stage on: a line of jobs to fetch, and when a job may be prepared."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    create_index_concurrently,
    create_missing_tables,
    missing_indexes,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, JobInLine, Table

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it, indexes included."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{JobInLine.__tablename__}")
    for index in ("ix_image_waiting", "ix_image_waiting_of_customer"):
        op.drop_index(index, table_name="image", schema=SCHEMA, if_exists=True)
    op.drop_column("image", "text_only", schema=SCHEMA, if_exists=True)
    for column in ("postponed", "not_before"):
        op.drop_column("job", column, schema=SCHEMA, if_exists=True)
