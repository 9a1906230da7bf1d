"""Durations as people write them: `90s`, `30m`, `24h`, `7d`, `4w`."""

import re
from datetime import timedelta

HOW_TO_WRITE = "write 90s, 30m, 24h or 7d; 4w are weeks"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(words: str) -> timedelta | None:
    """The duration of a number and a unit, None for what is none."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", words.strip().lower())
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
