"""Durations on the command line, as people write and read them."""

from datetime import timedelta

import typer

from quel.core.durations import HOW_TO_WRITE, parse_duration


def read_duration(words: str) -> timedelta:
    """The duration of a number and a unit. Raises BadParameter, which is wrong usage (exit code 2)."""
    found = parse_duration(words)
    if found is None:
        raise typer.BadParameter(f'"{words}" is no duration: {HOW_TO_WRITE}.')
    return found


def spoken(seconds: float) -> str:
    """A duration in its two largest units: "3 d 4 h", "12 m 5 s", "0 s"."""
    rest = round(seconds)
    parts: list[str] = []
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size_s)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
