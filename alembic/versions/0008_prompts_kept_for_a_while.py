"""Which jobs' prompts are still kept, and the indexes by which a sweep finds those that are old."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    create_index_concurrently,
    missing_indexes,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    add_missing_columns(op.get_bind(), Table.metadata)
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_image_prompt_kept", table_name="image", schema=SCHEMA, if_exists=True)
    op.drop_index("ix_job_prompts_kept", table_name="job", schema=SCHEMA, if_exists=True)
    op.drop_column("job", "prompts_kept", schema=SCHEMA, if_exists=True)
