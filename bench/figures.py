"""What a measurement hands back: named numbers, and beside some of them the aim they are held against."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """`quick` measures less often and less long: for development, not for a verdict."""

    quick: bool = False

    def choose(self, full: int, quick: int) -> int:
        """One of two sizes of a measurement."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Figure:
    """One number. An aim is a bound from one side, in the same unit."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def aim(self) -> str:
        """The aim as people write it, or nothing."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Measured:
    """The figures of one measurement, and the samples behind them."""

    figures: list[Figure]
    samples: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For results.json."""
        figures = [asdict(figure) | {"reached": figure.reached} for figure in self.figures]
        return {"figures": figures, "samples": self.samples}


def quantile(values: list[float], fraction: float) -> float:
    """The nearest-rank quantile of at least one value."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
