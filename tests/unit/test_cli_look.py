"""`quel look` tells a person what the check sees, and needs no neighbour for it."""

import io
import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from quel.cli import app
from quel.sandbox.gemini.drawing import ready_made
from quel.sandbox.studio import PHOTOGRAPHS

COFFEE, CAT = PHOTOGRAPHS / "coffee.png", PHOTOGRAPHS / "chelsea.png"


@pytest.fixture
def coffee_again(tmp_path):
    """The coffee photograph at the size of an answer."""
    path = tmp_path / "take.png"
    path.write_bytes(ready_made())
    return path


def look(*words):
    return CliRunner().invoke(app, ["look", *map(str, words)])


def test_a_repeated_reference_is_a_fault_and_the_number_of_the_reference_is_told(coffee_again):
    done = look(coffee_again, "--against", CAT, COFFEE, "--ratio", "16:9", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["faults"], found["nearest"]) == (1, ["echo"], 2)


def test_another_picture_is_none(coffee_again):
    done = look(coffee_again, "--against", CAT, "--ratio", "16:9")
    assert (done.exit_code, "fault" in done.stdout) == (0, False)


def test_a_sibling_and_the_ordered_ratio_count(coffee_again):
    done = look(coffee_again, "--beside", coffee_again, "--ratio", "1:1", "--json")
    assert json.loads(done.stdout)["faults"] == ["ratio", "double"]


def test_a_small_picture_is_a_fault_without_any_reference(tmp_path):
    buffer = io.BytesIO()
    Image.open(CAT).save(buffer, "PNG")
    (tmp_path / "cat.png").write_bytes(buffer.getvalue())
    assert look(tmp_path / "cat.png").exit_code == 1


@pytest.mark.parametrize("words", [("nothing.png",), (__file__,), (COFFEE, "--ratio", "7:5")])
def test_what_cannot_be_looked_at_is_wrong_usage(words):
    done = look(*words)
    assert done.exit_code == 2
    assert done.stderr.strip().endswith(".")
