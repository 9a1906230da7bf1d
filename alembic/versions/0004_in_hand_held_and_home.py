"""Product tables that landed in quel's schema go home; what quel had in hand; indexes for held credits.

Until 0003 the tables were made wherever the search_path pointed: for a role named quel that was quel's own
schema, out of the front end's sight. They are moved as they are, with rows, indexes and triggers. The code of
the previous release finds them there as well: public comes next in that search_path.
"""

from alembic import op

from quel.adapters.postgres.completion import (
    add_missing_columns,
    create_index_concurrently,
    create_missing_tables,
    missing_indexes,
    move_home,
)
from quel.adapters.postgres.pipeline_tables import SCHEMA, PendingJobInHand, Table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    move_home(connection, Table.metadata, strayed=SCHEMA)
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it; tables that went home stay there, where every release finds them."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_image_open", table_name="image", schema=SCHEMA, if_exists=True)
    op.drop_index("ix_job_payer", table_name="job", schema=SCHEMA, if_exists=True)
    op.execute(f"ALTER TABLE {SCHEMA}.job DROP COLUMN IF EXISTS extra_attach_ids")
    op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{PendingJobInHand.__tablename__}")
