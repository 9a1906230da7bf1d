"""Every statement of quel's names the schema of every table: none depends on a search_path."""

import re
from pathlib import Path

import pytest

import quel

SOURCES = sorted(
    path.relative_to(Path(quel.__file__).parent).as_posix()
    for room in ("adapters/postgres", "sandbox")
    for path in Path(quel.__file__).parent.joinpath(room).rglob("*.py")
)
PRODUCT = "quel_(?:production_jobs|production_photo|attach|organization|credits|member)"
WITHOUT_SCHEMA = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|TABLE|TRUNCATE|EXISTS)\s+(?:ONLY\s+)?{PRODUCT}\b(?!_)"
)
TYPE_WITHOUT_SCHEMA = re.compile(r"\bAS (?:job|production)_status_enum\b|::(?:job|production)_status_enum\b")


@pytest.mark.parametrize("name", SOURCES)
def test_statements_name_the_schema(name):
    source = Path(quel.__file__).parent.joinpath(name).read_text(encoding="utf-8")
    assert WITHOUT_SCHEMA.findall(source) == []
    assert TYPE_WITHOUT_SCHEMA.findall(source) == []


def test_a_name_without_its_schema_would_be_seen():
    assert WITHOUT_SCHEMA.search("SELECT 1 FROM quel_attach WHERE true")
    assert WITHOUT_SCHEMA.search("INSERT INTO\n    quel_credits (user_id)")
    assert not WITHOUT_SCHEMA.search("SELECT quel_member_id FROM public.quel_member")
