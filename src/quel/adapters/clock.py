"""The machine's own clock."""

import time


class SystemClock:
    """Time as it passes for everyone."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never fewer than before."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the thread for so long."""
        time.sleep(seconds)
