"""What is started and stopped runs for as long as a `with` block, and is stopped however that ends."""

from abc import ABC, abstractmethod
from typing import Self


class Startable(ABC):
    """`start` returns what was started; `stop` is harmless twice."""

    @abstractmethod
    def start(self) -> Self:
        """Begins, or says why it cannot."""

    @abstractmethod
    def stop(self) -> None:
        """Ends all of it."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
