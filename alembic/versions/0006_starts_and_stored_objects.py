"""How often work was begun that had no orderly end, and which objects are stored but not delivered."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import add_missing_columns
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    add_missing_columns(op.get_bind(), Table.metadata)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("job", "starts", schema=SCHEMA, if_exists=True)
    for column in ("starts", "object_bytes"):
        op.drop_column("image", column, schema=SCHEMA, if_exists=True)
