"""The product's indexes, built without blocking writers where no index of the same columns exists yet."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import create_index_concurrently, missing_indexes
from quel.adapters.postgres.schema.pipeline_tables import Table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Indexes that serve the product's own queries stay."""
