"""Audits that operators ask for and workers make."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import create_missing_tables
from quel.adapters.postgres.schema.operator_tables import Audit
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    create_missing_tables(op.get_bind(), Table.metadata)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{Audit.__tablename__}")
