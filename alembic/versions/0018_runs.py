"""How often an image was planned again after it had ended."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import add_missing_columns
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    add_missing_columns(op.get_bind(), Table.metadata)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("image", "run", schema=SCHEMA, if_exists=True)
