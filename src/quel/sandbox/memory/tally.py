"""The hourly sums in a world whose statistics nobody asks for: there is nothing to count."""


class Tally:
    """Counts how often it was asked to keep up."""

    def __init__(self) -> None:
        self.asked = 0

    def keep_up(self) -> int:
        """No hour is ever missing."""
        self.asked += 1
        return 0
