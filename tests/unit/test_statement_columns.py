"""Every column that a text statement names is one of the models': a renamed one fails without a server."""

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import TextClause

from quel.adapters import postgres
from quel.adapters.postgres.operations import backfill_paths
from quel.adapters.postgres.operations.bulk import BulkRows
from quel.adapters.postgres.operations.job_list import JobListRows
from quel.adapters.postgres.operations.ledger import LedgerRows
from quel.core.job import JobStatus
from quel.core.operations.bulk import BulkAction, BulkOrder
from quel.core.operations.job_list import JobFilter, Place
from quel.core.operations.ledger import LedgerPlace
from tests.unit.sql_columns import TABLES, unknown_names

NOW, ID = datetime.now(UTC), UUID(int=1)
FILTERS = (
    JobFilter(),
    JobFilter(
        path="eats",
        statuses=(JobStatus.PROCESSING,),
        job_type="pipeline_stage",
        org_id=ID,
        member_id=ID,
        reason="blocked_safety",
        since_s=60.0,
        until=NOW,
    ),
    JobFilter(statuses=(JobStatus.FAILED,), reason="refused"),
    JobFilter(statuses=(JobStatus.PENDING,)),
)
ORDERS = (
    BulkOrder(BulkAction.CANCEL, JobFilter(path="eats")),
    BulkOrder(BulkAction.RETRY, job_ids=(ID,)),
    BulkOrder(BulkAction.RETRY, job_ids=(ID,), failed_only=True),
)


class NoRows(list[object]):
    def all(self) -> "NoRows":
        return self


class Written:
    """In the place of a database: keeps what it is asked to execute."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def run(self, work: Callable[["Written"], object]) -> object:
        return work(self)

    def execute(self, statement: TextClause, values: object = None) -> NoRows:
        self.statements.append(statement.text)
        return NoRows()


def statements() -> Iterator[tuple[str, str]]:
    for found in pkgutil.walk_packages(postgres.__path__, f"{postgres.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            for n, each in enumerate(value.values() if isinstance(value, dict) else [value]):
                if isinstance(each, TextClause):
                    yield f"{found.name.removeprefix(postgres.__name__ + '.')}:{name}:{n}", each.text
    for look in ("_JOBS", "_PRODUCTIONS"):
        yield f"backfill_paths:{look}", getattr(backfill_paths, look).format(lock="")
    written = Written()
    for chosen in FILTERS:
        JobListRows(written, "fashion").jobs(chosen, most=9, after=Place(NOW, ID))  # type: ignore[arg-type]
    for order in ORDERS:
        BulkRows(written, "fashion", fall_back=True).meant(order)  # type: ignore[arg-type]
    for is_organization in (True, False):
        place = LedgerPlace(NOW, ID)
        LedgerRows(written).page(ID, is_organization=is_organization, most=9, after=place)  # type: ignore[arg-type]
    yield from ((f"filtered:{n}", sql) for n, sql in enumerate(written.statements))


STATEMENTS = dict(statements())


def test_statements_name_columns_that_the_models_have():
    found = {name: unknown_names(sql) for name, sql in STATEMENTS.items()}
    assert [(name, unknown) for name, unknown in found.items() if unknown] == []


def test_every_table_is_named_by_some_statement_or_construct():
    assert len(STATEMENTS) > 40
    assert len(TABLES) == 24


def functions_with_a_statement(room: Path) -> Iterator[str]:
    for path in room.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(map(is_statement, ast.walk(node))):
                yield f"{path.relative_to(room).with_suffix('').as_posix()}:{node.name}"


def is_statement(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text"


def test_a_statement_is_written_where_it_is_looked_at():
    built = {
        "claim_image:_claim",  # its two results stand in the module
        "image_state:move",  # so do its results, in the rooms of the steps
        "operations/backfill_paths:_in_batches",  # above
        "operations/backlog:ping",  # names no table
        "operations/bulk:meant",  # above
        "operations/job_list:jobs",  # above
    }
    rooms = functions_with_a_statement(Path(postgres.__path__[0]))
    assert {found for found in rooms if not found.startswith("schema/")} == built


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
