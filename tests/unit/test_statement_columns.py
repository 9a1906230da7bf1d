"""Every column that a text statement names is one of the models': a renamed one fails without a server."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from sqlalchemy import TextClause

from quel.adapters import postgres
from quel.adapters.postgres.operations import backfill_paths
from tests.unit.sql_columns import TABLES, unknown_names


def statements() -> Iterator[tuple[str, str]]:
    for found in pkgutil.walk_packages(postgres.__path__, f"{postgres.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            for n, each in enumerate(value.values() if isinstance(value, dict) else [value]):
                if isinstance(each, TextClause):
                    yield f"{found.name.removeprefix(postgres.__name__ + '.')}:{name}:{n}", each.text
    for look in ("_JOBS", "_PRODUCTIONS"):
        yield f"backfill_paths:{look}", getattr(backfill_paths, look).format(lock="")


STATEMENTS = dict(statements())


@pytest.mark.parametrize("sql", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_names_columns_that_the_models_have(sql):
    assert unknown_names(sql) == []


def test_every_table_is_named_by_some_statement_or_construct():
    assert len(STATEMENTS) > 40
    assert len(TABLES) == 23


@pytest.mark.parametrize(
    ("sql", "unknown"),
    [
        ("SELECT i.stat FROM quel.image i", ["i.stat"]),
        ("SELECT x.state FROM quel.image i", ["x", "x.state"]),
        ("SELECT stat FROM quel.image", ["stat"]),
        ("SELECT state FROM quel.images", ["state", "quel", "quel.images"]),
        ("UPDATE quel.image i SET price = 1, state = 'made' FROM quel.job q", ["quel.image: price"]),
        (
            "UPDATE quel.image i SET state = (SELECT a, b FROM x), pric = 1",
            ["quel.image: pric", "a", "b", "x", "pric"],
        ),
        (
            "INSERT INTO quel.image AS i (job_id, price) SELECT job_id, price FROM quel.job",
            ["quel.image: price"],
        ),
        (
            "INSERT INTO quel.job (job_id) VALUES (:x) ON CONFLICT (job_id) DO UPDATE SET state = 1",
            ["quel.job: state", "state"],
        ),
        ("SELECT r.image_no FROM jsonb_to_recordset(:x) AS r(image_no int, state text)", []),
        ("WITH a AS (SELECT job_id AS id FROM quel.job) SELECT a.id, a.job_id, count(*) FROM a", []),
        ("SELECT extract(epoch FROM now() - i.updated_at)::float8 AS s FROM quel.image i", []),
        ("SELECT CAST(:status AS public.job_status_enum), ':no', 'o''clock'", []),
    ],
)
def test_the_reader_sees_what_is_not_there(sql, unknown):
    assert unknown_names(sql) == unknown
