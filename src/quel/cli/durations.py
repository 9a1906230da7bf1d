"""Durations as people write and read them: `90s`, `30m`, `24h`, `7d`, `4w`."""

import re
from datetime import timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(words: str) -> timedelta:
    """The duration of a number and a unit. Raises BadParameter, which is wrong usage (exit code 2)."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", words.strip().lower())
    if match is None:
        raise typer.BadParameter(f'"{words}" is no duration: write 90s, 30m, 24h or 7d; 4w are weeks.')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def spoken(seconds: float) -> str:
    """A duration in its two largest units: "3 d 4 h", "12 m 5 s", "0 s"."""
    rest = round(seconds)
    parts: list[str] = []
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size_s)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
