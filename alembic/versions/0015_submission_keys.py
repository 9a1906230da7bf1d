"""The keys under which jobs were submitted, so that the same request twice is one job."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import create_missing_tables
from quel.adapters.postgres.schema.operator_tables import Submission
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0015"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    create_missing_tables(op.get_bind(), Table.metadata)


def downgrade() -> None:
    """Takes away what came with it: a request sent again is a new job then."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{Submission.__tablename__}")
