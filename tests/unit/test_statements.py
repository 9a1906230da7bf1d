"""Every statement of quel's names the schema of every table: none depends on a search_path."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Delete, Insert, Select, Update, create_engine

import quel
from quel.adapters import postgres
from quel.adapters.postgres.schema.product_tables import metadata
from quel.adapters.postgres.url import sqlalchemy_url

SOURCES = [
    path
    for room in ("adapters/postgres", "sandbox")
    for path in Path(quel.__file__).parent.joinpath(room).rglob("*.py")
]
PRODUCT = "quel_(?:production_jobs|production_photo|attach|organization|credits|member)"
WITHOUT_SCHEMA = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|TABLE|TRUNCATE|EXISTS)\s+(?:ONLY\s+)?{PRODUCT}\b(?!_)"
)
TYPE_WITHOUT_SCHEMA = re.compile(r"\bAS (?:job|production)_status_enum\b|::(?:job|production)_status_enum\b")

DIALECT = create_engine(sqlalchemy_url("postgresql://nobody@nowhere/nothing")).dialect
BARE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(?!(?:public|quel)\.)(?!OF\b)[a-z]")


def constructs() -> Iterator[tuple[str, object]]:
    for found in pkgutil.walk_packages(postgres.__path__, f"{postgres.__name__}."):
        for name, value in vars(importlib.import_module(found.name)).items():
            for n, each in enumerate(value.values() if isinstance(value, dict) else [value]):
                if isinstance(each, Select | Insert | Update | Delete):
                    yield f"{found.name.removeprefix(postgres.__name__ + '.')}:{name}:{n}", each


CONSTRUCTS = dict(constructs())


def without_schema(sql: str) -> list[str]:
    return WITHOUT_SCHEMA.findall(sql) + TYPE_WITHOUT_SCHEMA.findall(sql)


def test_statements_name_the_schema():
    assert len(SOURCES) > 40
    found = {path: without_schema(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert [(path, names) for path, names in found.items() if names] == []


def test_a_name_without_its_schema_would_be_seen():
    assert WITHOUT_SCHEMA.search("SELECT 1 FROM quel_attach WHERE true")
    assert WITHOUT_SCHEMA.search("INSERT INTO\n    quel_credits (user_id)")
    assert not WITHOUT_SCHEMA.search("SELECT quel_member_id FROM public.quel_member")


@pytest.mark.parametrize("construct", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_constructs_name_the_schema(construct):
    sql = str(construct.compile(dialect=DIALECT)).replace("EXTRACT(epoch FROM now()", "")
    assert BARE.findall(sql) + without_schema(sql) == []


def test_every_model_has_its_schema():
    assert len(CONSTRUCTS) > 20
    assert {table.schema for table in metadata.tables.values()} == {"public", "quel"}
