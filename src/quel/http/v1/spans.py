"""Spans of time in addresses: `90m`, `24h`, `7d`, `4w`, or for lists a moment by ISO 8601."""

from datetime import UTC, datetime, timedelta

from quel.core.durations import HOW_TO_WRITE, parse_duration
from quel.core.errors import InvalidInput

_LONGEST = timedelta(days=3_650)


def read_span(words: str) -> timedelta:
    """A duration. Raises InvalidInput for anything else, and for none or more than ten years."""
    span = parse_duration(words)
    if span is None or not timedelta(0) < span <= _LONGEST:
        raise InvalidInput(f'"{words[:40]}" is no span of time: {HOW_TO_WRITE}, ten years at most.')
    return span


def read_since(words: str) -> timedelta | datetime:
    """A duration, or a moment; one without a zone is UTC. Raises InvalidInput."""
    try:
        return in_utc(datetime.fromisoformat(words.strip()))
    except ValueError:
        return read_span(words)


def in_utc(moment: datetime) -> datetime:
    """The moment with a zone. Raises InvalidInput for one at the edge of the calendar."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise InvalidInput("That moment is beyond the calendar.") from None
