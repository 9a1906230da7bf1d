"""The one clock of a world in memory: it stands still until somebody moves it, or sleeps."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Aware moments in UTC; durations are in seconds."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += timedelta(seconds=seconds)

    def monotonic_s(self) -> float:
        """Seconds since 1970."""
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Lets time pass, at once."""
        self.advance(seconds)

    def after(self, seconds: float) -> datetime:
        """The moment so far ahead."""
        return self.now + timedelta(seconds=seconds)

    def since(self, moment: datetime | None) -> float:
        """How long ago a moment was; 0 for none, as `coalesce(moment, now())` has it."""
        return 0.0 if moment is None else (self.now - moment).total_seconds()
