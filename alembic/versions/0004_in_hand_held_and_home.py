"""Product tables that strayed from public go home; what quel had in hand; indexes for held credits.

Until 0003 the tables were made wherever the search_path pointed: for a role named quel that was quel's own
schema, out of the front end's sight. Where they are, the key of quel.job tells. They are moved as they are,
with rows, indexes and triggers; the code of the previous release finds them in public as well, which such a
search_path names. Where public has tables of its own by now, quel's own go over to those while they are
empty.
"""

from alembic import op
from sqlalchemy import Connection, text

from quel.adapters.postgres.schema.additive_migration import (
    add_missing_columns,
    create_index_concurrently,
    create_missing_tables,
    missing_indexes,
    move_home,
)
from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, PendingJobInHand, Table, ToldKind

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_STRAYED = """
SELECT n.nspname FROM pg_constraint c
JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.conrelid = to_regclass('quel.job') AND c.contype = 'f' AND n.nspname <> 'public'
"""

# What the sweep of the release before had nudged, if it is of quel's kind (core/kind.py), whatever its age.
_TAKE_IN_HAND = """
INSERT INTO quel.pending_job (job_id)
SELECT j.job_id FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE j.job_status = 'pending' AND j.retry_count > 0
  AND lower(btrim(coalesce(nullif(btrim(j.quel_production_path), ''), p.quel_production_path, '')))
      NOT IN ('multiview', 'landing', 'video')
  AND NOT (jsonb_typeof(j.job_input_data) = 'object'
           AND jsonb_exists_any(j.job_input_data, ARRAY['maskDataUrl', 'imageBase64']))
ON CONFLICT (job_id) DO NOTHING
"""


def _go_over(connection: Connection) -> None:
    """Lets quel.job refer to public. Raises RuntimeError where rows of quel's refer to the strayed tables."""
    strayed = connection.scalar(text(_STRAYED))
    if connection.scalar(text("SELECT EXISTS (SELECT 1 FROM quel.job)")):
        raise RuntimeError(
            f"There are quel_production_jobs in public and in {strayed}, and quel's own rows belong to those"
            f" in {strayed}: move the rows to public first, then migrate again."
        )
    connection.execute(
        text(
            "ALTER TABLE quel.job DROP CONSTRAINT fk_job_job_id_quel_production_jobs,"
            " ADD CONSTRAINT fk_job_job_id_quel_production_jobs FOREIGN KEY (job_id)"
            " REFERENCES public.quel_production_jobs (job_id) ON DELETE CASCADE"
        )
    )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")  # a waiting lock must not queue up the live traffic behind it
    connection = op.get_bind()
    strayed = connection.scalar(text(_STRAYED))
    if strayed is not None:
        move_home(connection, Table.metadata, strayed=strayed)
    if connection.scalar(text(_STRAYED)) is not None:
        _go_over(connection)
    create_missing_tables(connection, Table.metadata)
    add_missing_columns(connection, Table.metadata)
    connection.execute(text(_TAKE_IN_HAND))
    with op.get_context().autocommit_block():
        for index in missing_indexes(connection, Table.metadata):
            create_index_concurrently(connection, index)


def downgrade() -> None:
    """Takes away what came with it; tables that went home stay there, where every release finds them."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_image_open", table_name="image", schema=SCHEMA, if_exists=True)
    op.drop_index("ix_job_payer", table_name="job", schema=SCHEMA, if_exists=True)
    for column in ("extra_attach_ids", "ended_elsewhere"):
        op.execute(f"ALTER TABLE {SCHEMA}.job DROP COLUMN IF EXISTS {column}")
    for table in (PendingJobInHand, ToldKind):
        op.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{table.__tablename__}")
