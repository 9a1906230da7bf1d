"""The pages that say which test shows what name tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["docs/operate/comfyui.md", "docs/api.md"])
def test_each_test_that_a_page_names_is_there(page: str) -> None:
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / page).read_text()))
    there = {
        (file.name, test)
        for file in (ROOT / "tests").rglob("test_*.py")
        for test in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= there
