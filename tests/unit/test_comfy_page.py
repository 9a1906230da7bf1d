"""The page on ComfyUI names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs/operate/comfyui.md").read_text()
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", page))
    files = {file.name: file.read_text() for file in (ROOT / "tests").rglob("test_*.py")}
    gone = {f"{file}::{test}" for file, test in named if f"def {test}(" not in files.get(file, "")}
    assert named
    assert not gone
