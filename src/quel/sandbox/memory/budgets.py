"""Budgets that nobody waits for and that say what was held, and a file of pictures that is a dictionary."""

from collections.abc import Iterator
from contextlib import contextmanager

from quel.core.outcome import PictureBytes
from quel.core.prompting.picture import PictureId


class MemoryBudget:
    """`held_bytes` now, and `most_bytes` that were held at once by the one thread there is."""

    def __init__(self) -> None:
        self.held_bytes = self.most_bytes = 0

    @contextmanager
    def share(self, wanted_bytes: int) -> Iterator[None]:
        """Holds that many bytes while the block runs."""
        self.held_bytes += wanted_bytes
        self.most_bytes = max(self.most_bytes, self.held_bytes)
        try:
            yield
        finally:
            self.held_bytes -= wanted_bytes


class PictureFile(dict[PictureId, PictureBytes]):
    """Pictures by what they are."""

    add = dict.__setitem__
