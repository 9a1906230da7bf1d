"""docs/prompts.md shows what the code says today, for every path and every situation."""

import runpy
import sys
from pathlib import Path

import pytest

from quel.core.paths import PATHS

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))  # as when the script is run
SCRIPT = runpy.run_path(str(DOCS / "write_prompts.py"))


def test_the_page_is_what_the_script_writes():
    assert (DOCS / "prompts.md").read_text(encoding="utf-8") == SCRIPT["page"](), (
        "Run `python docs/write_prompts.py` and commit docs/prompts.md."
    )


@pytest.mark.parametrize("path", ["fashion", "beauty", "eats", "cinema", "cartoon"])
def test_a_path_has_prompts_with_references_and_one_from_text_alone(path):
    situations = [situation for situation in SCRIPT["SITUATIONS"] if situation.path == path]
    assert {bool(situation.types) for situation in situations} == {True, False}


def test_no_reference_of_an_example_is_left_out():
    for situation in SCRIPT["SITUATIONS"]:
        known = PATHS[situation.path]
        assert all(known.category_of(type_) for type_ in situation.types), situation.title
