"""The pages that are written from the code say what the code says today."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["settings", "commands", "metrics"])
def test_a_page_is_what_its_script_writes(name: str) -> None:
    script = runpy.run_path(str(DOCS / f"write_{name}.py"))
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == script["page"](), (
        f"Run `python docs/write_{name}.py` and commit docs/{name}.md."
    )


def test_every_setting_says_what_it_means() -> None:
    script = runpy.run_path(str(DOCS / "write_settings.py"))
    fields = script["Settings"].model_fields.values()
    assert [field.alias for field in fields if field.alias.isupper() and not field.description] == []


def test_every_page_of_operation_is_reached_from_the_first_one() -> None:
    first = (DOCS / "operate" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (DOCS / "operate").glob("*.md") if page.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in first] == []
