"""The outbox of webhooks, and the receivers that submitted jobs name."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import create_missing_tables
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table
from quel.adapters.postgres.schema.webhook_tables import Webhook, WebhookCallback

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    create_missing_tables(op.get_bind(), Table.metadata)


def downgrade() -> None:
    """Takes away what came with it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (Webhook, WebhookCallback):
        op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{table.__tablename__}")
