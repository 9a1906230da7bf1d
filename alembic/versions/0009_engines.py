"""Which engine makes an image and what was handed to its servers; provider calls by engine.

The code of the release before leaves the new columns to their defaults, which are Gemini's, and finds none
of its own changed.
"""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    create_index_concurrently,
    missing_indexes,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    add_missing_columns(connection, Table.metadata)
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_image_maker_turns", table_name="image", schema=SCHEMA, if_exists=True)
    op.drop_column("provider_call", "engine", schema=SCHEMA, if_exists=True)
    for column in ("engine", "workflow", "submission", "rerouted"):
        op.drop_column("image", column, schema=SCHEMA, if_exists=True)
