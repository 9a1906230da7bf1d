"""What became of each image, who did what, an hourly tally, and the indexes that lists and ledger need."""

from alembic import op

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    create_index_concurrently,
    create_missing_tables,
    missing_indexes,
)
from quel.adapters.postgres.schema.operator_tables import (
    Action,
    Tally,
    TallyHour,
    TallyPayer,
    TallyPayerDay,
    TallyReason,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, Table

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_APPEND_ONLY = """
CREATE OR REPLACE FUNCTION quel.action_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'What was done stays on record: rows of quel.action are only added.';
END;
$$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER action_is_kept BEFORE UPDATE OR DELETE ON quel.action
FOR EACH ROW EXECUTE FUNCTION quel.action_is_kept()
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)
    op.execute(_APPEND_ONLY)
    op.execute(_TRIGGER)
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it, who did what as well; indexes of the product's tables stay."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in (Action, Tally, TallyReason, TallyPayer, TallyPayerDay, TallyHour):
        op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{table.__tablename__}")
    op.execute("DROP FUNCTION IF EXISTS quel.action_is_kept()")
    op.execute("DROP INDEX IF EXISTS quel.ix_job_created, quel.ix_job_owner")
    op.execute("ALTER TABLE quel.image DROP COLUMN IF EXISTS history")
