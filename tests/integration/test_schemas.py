"""The product's tables are in `public`, whatever a role's name and search_path."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from quel.sandbox.databases import database_name
from tests.integration.books import assert_books_agree
from tests.integration.test_migrations import (
    OWN,
    PRODUCT_TABLES,
    PRODUCTION,
    execute,
    rows,
    run,
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


# What a database of the release before looked like for a role named quel.
STRAYED = [
    "DROP TABLE quel.pending_job; ALTER TABLE quel.job DROP COLUMN extra_attach_ids;"
    " DROP INDEX quel.ix_image_open; DROP INDEX quel.ix_job_payer",
    *(f"ALTER TABLE public.{table} SET SCHEMA quel" for table in sorted(PRODUCT_TABLES)),
    *(f"ALTER TYPE public.{name} SET SCHEMA quel" for name in ("job_status_enum", "production_status_enum")),
    "ALTER FUNCTION public.update_updated_at_column() SET SCHEMA quel",
    "INSERT INTO quel.quel_member (quel_member_credit) SELECT n FROM generate_series(1, 20) n",
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


@pytest.fixture(params=ROLES, ids=ROLES.keys())
def role_url(request, roles, empty_database_url) -> str:
    """An empty database that belongs to a role, as that role sees it."""
    role, search_path = request.param, ROLES[request.param]
    name = database_name(empty_database_url)
    execute(empty_database_url, f"ALTER DATABASE {name} OWNER TO {role}")
    execute(empty_database_url, f"CREATE SCHEMA elsewhere AUTHORIZATION {role}")
    execute(empty_database_url, f"ALTER ROLE {role} IN DATABASE {name} SET search_path = {search_path}")
    return as_role(empty_database_url, role)


def as_role(url, role):
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:quel@{parts.hostname}:{parts.port}"))


def test_an_empty_database_gets_the_products_tables_in_public(role_url):
    run(role_url, "upgrade", "head")
    found = set(rows(role_url, TABLES))
    assert {table for schema, table in found if schema == "public"} == PRODUCT_TABLES
    assert {schema for schema, _ in found} == {"public", "quel"}
    assert rows(role_url, PLACES_OF_TYPES) == [("public",)]
    assert "No new upgrade operations detected" in run(role_url, "check")


def test_a_live_database_is_completed_where_it_is(role_url):
    execute(role_url, "SET search_path = public;" + PRODUCTION.read_text())
    run(role_url, "upgrade", "head")
    assert {schema for schema, table in rows(role_url, TABLES) if table in PRODUCT_TABLES} == {"public"}
    assert "No new upgrade operations detected" in run(role_url, "check")


def test_tables_that_an_earlier_release_made_in_quels_own_schema_go_home_with_their_rows(empty_database_url):
    run(empty_database_url, "upgrade", "0003")
    for statement in STRAYED:
        execute(empty_database_url, statement)
    run(empty_database_url, "upgrade", "head")
    found = rows(empty_database_url, "SELECT count(*), sum(quel_member_credit) FROM public.quel_member")
    assert found == [(20, 210)]
    assert not {name for name, _ in rows(empty_database_url, OWN)} & PRODUCT_TABLES
    assert rows(empty_database_url, PLACES_OF_TYPES) == [("public",)]
    assert "No new upgrade operations detected" in run(empty_database_url, "check")


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
