"""Lint, format, types and import contracts run beside the other tests: mypy alone leaves a core idle."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command", [("mypy",), ("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",)], ids=" ".join
)
def test_the_tree_passes(command):
    program = Path(sys.executable).with_name(command[0])
    answer = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
