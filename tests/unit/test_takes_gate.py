"""The frozen takes of tests/takes are made and told as they were; the gate has all of them."""

import pytest

from tests.takes.gate import is_right, seen
from tests.takes.manifest import CLASSES, TAKES_A_CLASS, digest, frozen, make

MISSED = {"split", "retouch"}
"""Of whose first take the check is wrong: one of 4 and of 3 in 40 (docs/takes.md)."""


def test_every_class_has_its_takes() -> None:
    assert {name: len(takes) for name, takes in frozen().items()} == dict.fromkeys(CLASSES, TAKES_A_CLASS)


@pytest.mark.parametrize("name", CLASSES)
def test_the_first_take_of_a_class_is_the_frozen_one_and_told_as_it_was(name: str) -> None:
    seed, sha256 = frozen()[name][0]
    take = make(name, seed)
    assert digest(take) == sha256
    assert is_right(take, seen(take)[0]) is (name not in MISSED)
