"""Durations as an operator writes and reads them."""

from datetime import timedelta

import pytest
import typer

from quel.cli.durations import read_duration, spoken


@pytest.mark.parametrize(
    ("words", "seconds"), [("90s", 90), ("30m", 1_800), ("24h", 86_400), (" 7D ", 604_800), ("2w", 1_209_600)]
)
def test_a_number_and_a_unit(words, seconds):
    assert read_duration(words) == timedelta(seconds=seconds)


@pytest.mark.parametrize("words", ["", "24", "h", "-1h", "1.5h", "1 h", "99999999d"])
def test_anything_else_is_wrong_usage(words):
    with pytest.raises(typer.BadParameter, match="write 90s, 30m, 24h or 7d"):
        read_duration(words)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.6, "1 m 0 s"), (725, "12 m 5 s"), (273_600, "3 d 4 h")]
)
def test_spoken_in_its_two_largest_units(seconds, words):
    assert spoken(seconds) == words
