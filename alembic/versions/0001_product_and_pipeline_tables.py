"""The product's tables completed where something is missing, and the pipeline's own beside them.

Nothing that exists is altered: a table is made whole or given the columns it lacks, an enum the values it
lacks. Indexes on tables that may hold rows come in the next migration, without blocking writers.
"""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    add_missing_enum_values,
    add_updated_at_trigger,
    create_missing_tables,
)
from quel.adapters.postgres.schema.pipeline_tables import PipelineImage, PipelineJob, Table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    add_missing_enum_values(connection, Table.metadata)
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)
    add_updated_at_trigger(connection, Table.metadata.tables["public.quel_production_jobs"])


def downgrade() -> None:
    """Takes away what is quel's own; the product's tables stay as they are."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (PipelineImage, PipelineJob):
        op.execute(f"DROP TABLE IF EXISTS quel.{table.__tablename__}")
