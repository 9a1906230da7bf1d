"""The index by which a sweep sees whether images move at all, however many rows there are."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import create_index_concurrently, missing_indexes
from quel.adapters.postgres.schema.pipeline_tables import PipelineImage, Table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    op.drop_index(
        "ix_image_updated_at", table_name=PipelineImage.__tablename__, schema="quel", if_exists=True
    )
