"""The product's tables are in `public`, whatever a role's name and search_path."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from quel.sandbox.servers.databases import database_name
from tests.integration.alembic_run import alembic_run
from tests.integration.ledger import assert_books_agree
from tests.integration.test_migrations import (
    PRODUCT_TABLES,
    PRODUCTION,
    execute,
    rows,
)

# A role of the product's own name, one with a schema before public, one that sees no schema at all.
ROLES = {
    "quel": '"$user", public',
    "quel_test_elsewhere": "elsewhere, public",
    "quel_test_blind": "pg_catalog",
}
TABLES = (
    "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)
PLACES_OF_TYPES = (
    "SELECT DISTINCT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
    " WHERE t.typname IN ('job_status_enum', 'production_status_enum')"
)


ENUMS = ("job_status_enum", "production_status_enum")


def strayed(schema):
    """What makes today's schema at 0003 into that of the release before, with `schema` first in the path."""
    return [
        f"CREATE SCHEMA IF NOT EXISTS {schema}; DROP TABLE quel.pending_job, quel.job_kind;"
        " ALTER TABLE quel.job DROP COLUMN extra_attach_ids, DROP COLUMN ended_elsewhere;"
        " DROP INDEX quel.ix_image_open, quel.ix_job_payer",
        *(f"ALTER TABLE public.{table} SET SCHEMA {schema}" for table in sorted(PRODUCT_TABLES)),
        *(f"ALTER TYPE public.{name} SET SCHEMA {schema}" for name in ENUMS),
        f"ALTER FUNCTION public.update_updated_at_column() SET SCHEMA {schema}",
        f"INSERT INTO {schema}.quel_member (quel_member_credit) SELECT n FROM generate_series(1, 20) n",
    ]


@pytest.fixture(scope="session")
def roles(servers) -> Iterator[None]:
    """Roles that may log in; those that were not there before are gone afterwards."""
    known = {name for (name,) in rows(servers.database_url, "SELECT rolname FROM pg_roles")}
    new = ROLES.keys() - known
    for role in new:
        execute(servers.database_url, f"CREATE ROLE {role} LOGIN PASSWORD 'quel'")
    yield
    for role in new:
        execute(servers.database_url, f"DROP ROLE {role}")


@pytest.fixture(params=list(ROLES))
def role_url(request, roles, empty_database_url) -> str:
    """An empty database that belongs to a role, as that role sees it."""
    role, search_path = request.param, ROLES[request.param]
    name = database_name(empty_database_url)
    execute(empty_database_url, f"ALTER DATABASE {name} OWNER TO {role}")
    execute(empty_database_url, f"CREATE SCHEMA elsewhere AUTHORIZATION {role}")
    execute(empty_database_url, f"ALTER ROLE {role} IN DATABASE {name} SET search_path = {search_path}")
    return as_role(empty_database_url, role)


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:quel@{parts.hostname}:{parts.port}"))


def test_an_empty_database_gets_the_products_tables_in_public(role_url):
    alembic_run(role_url, "upgrade", "head")
    found = set(rows(role_url, TABLES))
    assert {table for schema, table in found if schema == "public"} == PRODUCT_TABLES
    assert {schema for schema, _ in found} == {"public", "quel"}
    assert rows(role_url, PLACES_OF_TYPES) == [("public",)]
    assert "No new upgrade operations detected" in alembic_run(role_url, "check")


def test_a_live_database_is_completed_where_it_is(role_url):
    execute(role_url, "SET search_path = public;" + PRODUCTION.read_text())
    alembic_run(role_url, "upgrade", "head")
    assert {schema for schema, table in rows(role_url, TABLES) if table in PRODUCT_TABLES} == {"public"}
    assert "No new upgrade operations detected" in alembic_run(role_url, "check")


def stray(url, schema):
    alembic_run(url, "upgrade", "0003")
    for statement in strayed(schema):
        execute(url, statement)


KEY_OF_JOB = (
    "SELECT confrelid::regclass::text FROM pg_constraint WHERE conrelid = 'quel.job'::regclass"
    " AND contype = 'f'"
)
PLAN_OF_A_JOB = """
WITH production AS (INSERT INTO {schema}.quel_production_photo DEFAULT VALUES RETURNING production_id),
job AS (INSERT INTO {schema}.quel_production_jobs (production_id, job_type, batch_index, total_images,
    job_input_data) SELECT production_id, 'simple_general', 0, 1, '{{}}' FROM production RETURNING job_id)
SELECT job_id FROM job
"""
QUELS_OWN_ROW = """
INSERT INTO quel.job
    (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price, result_owner, plan)
SELECT job_id, 'fashion', '', 'member', job_id, job_id, 5, '', '{{}}' FROM {schema}.quel_production_jobs
"""


@pytest.mark.parametrize("schema", ["quel", "elsewhere"])
def test_tables_that_an_earlier_release_made_elsewhere_go_home_with_their_rows(empty_database_url, schema):
    stray(empty_database_url, schema)
    execute(empty_database_url, PLAN_OF_A_JOB.format(schema=schema))
    execute(empty_database_url, QUELS_OWN_ROW.format(schema=schema))
    alembic_run(empty_database_url, "upgrade", "head")
    found = rows(empty_database_url, "SELECT count(*), sum(quel_member_credit) FROM public.quel_member")
    assert found == [(20, 210)]
    assert {place for place, table in rows(empty_database_url, TABLES) if table in PRODUCT_TABLES} == {
        "public"
    }
    assert rows(empty_database_url, PLACES_OF_TYPES) == [("public",)]
    assert rows(empty_database_url, KEY_OF_JOB) == [("quel_production_jobs",)]
    assert "No new upgrade operations detected" in alembic_run(empty_database_url, "check")


@pytest.mark.parametrize("with_rows", [False, True])
def test_where_public_has_its_own_by_now_quels_rows_go_over_or_the_migration_says_why_not(
    empty_database_url, with_rows
):
    stray(empty_database_url, "quel")
    execute(empty_database_url, "SET search_path = public;" + PRODUCTION.read_text())
    if with_rows:
        execute(empty_database_url, PLAN_OF_A_JOB.format(schema="quel"))
        execute(empty_database_url, QUELS_OWN_ROW.format(schema="quel"))
        with pytest.raises(RuntimeError, match="move the rows to public first"):
            alembic_run(empty_database_url, "upgrade", "head")
    else:
        alembic_run(empty_database_url, "upgrade", "head")
        assert rows(empty_database_url, KEY_OF_JOB) == [("quel_production_jobs",)]
        execute(empty_database_url, PLAN_OF_A_JOB.format(schema="public"))
        execute(empty_database_url, QUELS_OWN_ROW.format(schema="public"))


@pytest.mark.parametrize("role", ROLES)
def test_a_job_runs_to_its_end_for_a_role_of_any_search_path(role, roles, pipeline):
    studio, name = pipeline.studio, database_name(pipeline.database_url)
    for schema in ("public", "quel"):
        studio.rows(f"GRANT ALL ON SCHEMA {schema} TO {role}")
        studio.rows(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
    studio.rows(f"ALTER ROLE {role} IN DATABASE {name} SET search_path = {ROLES[role]}")
    pipeline.workers(DATABASE_URL=as_role(pipeline.database_url, role))
    member = studio.member()
    job_id = studio.job("simple_general", {"prompt": "A chair."}, total_images=2, member=member)
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert_books_agree(studio, job_id)
