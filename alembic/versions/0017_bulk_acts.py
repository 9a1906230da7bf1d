"""What operators ask of many jobs at once; and how often an image was planned again after it had ended."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import add_missing_columns, create_missing_tables
from quel.adapters.postgres.schema.operator_tables import BulkAct
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0017"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)


def downgrade() -> None:
    """Takes away what came with it: acts that have not ended stop where they are."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("image", "run", schema=SCHEMA, if_exists=True)
    op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{BulkAct.__tablename__}")
