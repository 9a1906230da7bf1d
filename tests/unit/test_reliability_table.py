"""docs/reliability.md lists exactly the deaths that tests/chaos dies."""

from pathlib import Path

from tests.chaos.death_points import POINTS, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_lists_every_death_that_is_tested_and_no_other() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count("|") == 6]
    assert rows == table().splitlines()


def test_no_death_is_listed_twice() -> None:
    names = [point.name for point in POINTS]
    assert sorted(set(names)) == sorted(names)
