"""`alembic upgrade head` on nothing, on a database that lives, twice, and twice at once."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.integration.alembic_run import REPOSITORY, alembic_run

PRODUCTION = Path(__file__).with_name("sql") / "production.sql"
RELEASE_BEFORE = PRODUCTION.with_name("release_0_1_0.sql")
PRODUCT_TABLES = {
    "quel_member",
    "quel_organization",
    "quel_attach",
    "quel_production_photo",
    "quel_production_jobs",
    "quel_credits",
}
CAME_LATER = {
    ("quel_production_photo", "quel_production_path"),
    ("quel_production_jobs", "generated_urls"),
    ("quel_credits", "api_provider"),
}

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity <> ''
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = 'public' AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS = """
SELECT c.conrelid::regclass::text, c.contype::text, pg_get_constraintdef(c.oid)
FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace AND c.contype <> 'n'
"""
INDEXES = """
SELECT tablename, regexp_replace(indexdef, '^CREATE (UNIQUE )?INDEX \\S+ ON', 'ON') FROM pg_indexes
WHERE schemaname = 'public'
"""
ENUMS = "SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid"
TRIGGERS = (
    "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger"
    " WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'quel.%'"
)
OWN = "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = to_regnamespace('quel')"


def alembic(database_url, *words):
    """Runs alembic from the repository root with nothing set but DATABASE_URL."""
    command = [str(Path(sys.executable).with_name("alembic")), *words]
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": database_url}
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(database_url, statement):
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def execute(database_url, script):
    with closing(psycopg2.connect(database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(script)


def schema_of(database_url):
    """Everything about the tables that a migration could change."""
    queries = (COLUMNS, CONSTRAINTS, INDEXES, ENUMS, TRIGGERS, OWN)
    return [sorted(rows(database_url, query), key=str) for query in queries]


def contents_of(database_url, columns):
    """Every row of the product's tables with the place and the transaction that wrote it."""
    return {
        table: rows(
            database_url,
            f"SELECT ctid::text, xmin::text, {', '.join(sorted(c for t, c in columns if t == table))}"
            f" FROM {table} ORDER BY ctid",
        )
        for table in PRODUCT_TABLES
    }


@pytest.fixture
def production_url(empty_database_url):
    """A database as an older release of the product left it, with rows."""
    execute(empty_database_url, PRODUCTION.read_text())
    return empty_database_url


def test_an_empty_database_becomes_whole(empty_database_url):
    alembic_run(empty_database_url, "upgrade", "head")
    tables = {table for (table,) in rows(empty_database_url, "SELECT tablename FROM pg_tables")}
    assert tables >= PRODUCT_TABLES
    assert "No new upgrade operations detected" in alembic_run(empty_database_url, "check")
    public = rows(empty_database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {table for (table,) in public} == PRODUCT_TABLES  # the rest is out of a browser's reach


def test_an_empty_database_and_productions_end_with_the_same_columns(world, production_url):
    fresh = world.servers.fresh_database()
    alembic_run(fresh, "upgrade", "head")
    before = set(rows(production_url, COLUMNS))
    alembic_run(production_url, "upgrade", "head")
    after = set(rows(production_url, COLUMNS))
    made = set(rows(fresh, COLUMNS))
    world.servers.drop_database(fresh)
    foreign = {column for column in after if column[1] == "quel_member_name"}
    assert after - foreign == made
    assert {(table, name) for table, name, *_ in after - before} == CAME_LATER


def test_a_live_database_gets_only_what_it_lacks(production_url):
    columns, constraints, indexes, enums, triggers, _ = schema_of(production_url)
    alembic_run(production_url, "upgrade", "head")
    after = schema_of(production_url)
    assert set(columns) < set(after[0])
    assert after[1] == constraints
    failed = "(created_at DESC, job_id DESC) WHERE (job_status = 'failed'::job_status_enum)"
    assert sorted(set(after[2]) - set(indexes)) == [
        ("quel_credits", "ON public.quel_credits USING btree (attach_idx)"),
        ("quel_credits", "ON public.quel_credits USING btree (org_id, created_at DESC)"),
        ("quel_credits", "ON public.quel_credits USING btree (user_id, created_at DESC)"),
        ("quel_production_jobs", "ON public.quel_production_jobs USING btree (created_at DESC)"),
        ("quel_production_jobs", f"ON public.quel_production_jobs USING btree {failed}"),
        ("quel_production_jobs", "ON public.quel_production_jobs USING btree (org_id)"),
    ]
    assert len(after[2]) == len(set(after[2])) == len(indexes) + 6  # none was made twice
    assert set(after[3]) - set(enums) == {("production_status_enum", "user_cancelled")}
    assert after[4] == triggers
    assert "No new upgrade operations detected" in alembic_run(production_url, "check")


def test_no_row_of_a_live_database_is_touched(production_url):
    columns = [(table, name) for table, name, *_ in rows(production_url, COLUMNS)]
    before = contents_of(production_url, columns)
    alembic_run(production_url, "upgrade", "head")
    assert contents_of(production_url, columns) == before
    assert sum(map(len, before.values())) == 20 + 5 + 200 + 100 + 300 + 100


EVERY_STATE = """
INSERT INTO quel.job
    (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price, result_owner, plan)
SELECT job_id, 'fashion', 'user:1', 'member', gen_random_uuid(), gen_random_uuid(), 5, 'u1', '{"kept": true}'
FROM quel_production_jobs;
INSERT INTO quel.image (job_id, image_no, path, customer, state, lease_owner, lease_until, attach_id, reason)
SELECT j.job_id, no, 'fashion', 'user:1', state,
       CASE state WHEN 'generating' THEN 'somebody' END, CASE state WHEN 'generating' THEN now() END,
       CASE state WHEN 'stored' THEN 1 END, CASE state WHEN 'failed' THEN 'why' END
FROM quel.job j, unnest(ARRAY['planned', 'ready', 'generating', 'made', 'stored', 'failed', 'cancelled'])
     WITH ORDINALITY AS states (state, no)
"""
OWN_COLUMNS = COLUMNS.replace("'public'", "'quel'")


def test_from_the_release_before_rows_in_every_state_are_kept_as_they_are(production_url):
    execute(production_url, RELEASE_BEFORE.read_text() + EVERY_STATE)
    [(statuses,)] = rows(production_url, "SELECT count(DISTINCT job_status) FROM quel_production_jobs")
    assert statuses == 6
    product = [(table, name) for table, name, *_ in rows(production_url, COLUMNS)]
    own: dict[str, list[str]] = {"job": [], "image": []}
    for table, name, *_ in rows(production_url, OWN_COLUMNS):
        own.get(table, []).append(name)
    questions = [
        f"SELECT ctid::text, xmin::text, {', '.join(names)} FROM quel.{table} ORDER BY ctid"
        for table, names in own.items()
    ]
    before = contents_of(production_url, product), [rows(production_url, each) for each in questions]
    alembic_run(production_url, "upgrade", "head")
    after = contents_of(production_url, product), [rows(production_url, each) for each in questions]
    assert after == before
    assert len(before[1][1]) == 7 * len(before[1][0]) >= 7 * 6
    assert "No new upgrade operations detected" in alembic_run(production_url, "check")


def test_types_that_differ_are_left_as_they_are(production_url):
    execute(
        production_url,
        "ALTER TABLE quel_attach ALTER COLUMN attach_file_size TYPE integer;"
        "ALTER TABLE quel_production_photo ALTER COLUMN production_name TYPE text;"
        "ALTER TABLE quel_organization ALTER COLUMN org_status TYPE varchar(20);",
    )
    before = set(rows(production_url, COLUMNS))
    alembic_run(production_url, "upgrade", "head")
    assert before <= set(rows(production_url, COLUMNS))


def test_a_table_that_is_missing_is_made_beside_the_others(production_url):
    execute(production_url, "DROP TABLE quel_credits")
    alembic_run(production_url, "upgrade", "head")
    assert rows(production_url, "SELECT to_regclass('quel_credits') IS NOT NULL") == [(True,)]
    assert "No new upgrade operations detected" in alembic_run(production_url, "check")


@pytest.mark.parametrize("start", ["", PRODUCTION.read_text()], ids=["empty", "production"])
def test_doing_it_again_changes_nothing(empty_database_url, start):
    if start:
        execute(empty_database_url, start)
    alembic_run(empty_database_url, "upgrade", "head")
    once = schema_of(empty_database_url)
    alembic_run(empty_database_url, "upgrade", "head")
    assert schema_of(empty_database_url) == once


def test_down_takes_what_is_quels_own_and_up_brings_it_back(production_url):
    alembic_run(production_url, "upgrade", "head")
    whole = schema_of(production_url)
    columns = [(table, name) for table, name, *_ in rows(production_url, COLUMNS)]
    contents = contents_of(production_url, columns)
    alembic_run(production_url, "downgrade", "base")
    down = schema_of(production_url)
    assert down[:5] == whole[:5]
    assert not {name for name, _ in down[5]} & {"job", "image"}
    assert contents_of(production_url, columns) == contents
    alembic_run(production_url, "upgrade", "head")
    assert schema_of(production_url) == whole


@pytest.mark.parametrize(
    "start",
    [
        pytest.param("", id="empty", marks=pytest.mark.slow),
        pytest.param(PRODUCTION.read_text(), id="production"),
    ],
)
def test_two_at_once_both_succeed(empty_database_url, start):
    if start:
        execute(empty_database_url, start)
    both = [alembic(empty_database_url, "upgrade", "head") for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    indexes = rows(empty_database_url, INDEXES)
    assert len(indexes) == len(set(indexes))
    assert "No new upgrade operations detected" in alembic_run(empty_database_url, "check")


def test_without_a_database_it_says_what_is_missing():
    with pytest.raises(SystemExit, match="DATABASE_URL must be set"):
        alembic_run("", "upgrade", "head")
