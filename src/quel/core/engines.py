"""What makes an image: which engine, with which workflow, and what takes its place when it is out.

A route is chosen by a job's path when the job is claimed, and stays in its plan.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from quel.core.models import SIZES, SizeClass

GEMINI = "gemini"
COMFYUI = "comfyui"

ONE_SIZE = (SizeClass(SIZES[0], tokens=0, price_usd=0.0),)


@dataclass(frozen=True, order=True)
class Maker:
    """An engine and, where it makes images by workflows, the name of one."""

    engine: str = GEMINI
    workflow: str = ""

    def __str__(self) -> str:
        return f"{self.engine} ({self.workflow})" if self.workflow else self.engine


@dataclass(frozen=True)
class Route:
    """What makes a path's images; `digest` is the content of its workflow when the job was claimed.

    `fallback` makes those for which `maker` has been out for `fallback_after_s` seconds, once an image.
    """

    maker: Maker = Maker()
    fallback: Maker | None = None
    fallback_after_s: float = 300.0
    digest: str = ""

    @property
    def makers(self) -> tuple[Maker, ...]:
        """Whatever may make an image of this route."""
        return (self.maker, self.fallback) if self.fallback else (self.maker,)


@dataclass(frozen=True)
class Capability:
    """What a maker can be shown and told. `model` is its name in events, `usd_per_image` what it asks beside
    the seconds of a GPU.

    `takes_negative`: what to avoid has a place of its own, and is no part of the prompt. `sizes` are smallest
    first; a workflow has the one that it is written for. `megapixels` are those of its smallest size.
    `open_places` are those of its pictures that may show anything, all of them where it is None.
    """

    model: str
    max_pictures: int
    takes_negative: bool = False
    usd_per_image: float = 0.0
    digest: str = ""
    sizes: tuple[SizeClass, ...] = ONE_SIZE
    megapixels: float = 1.0
    open_places: int | None = None

    @property
    def beside_another(self) -> int:
        """After how many pictures it still takes one more, whatever that shows; below 0 where none."""
        return (self.max_pictures if self.open_places is None else self.open_places) - 1

    def pictures_for(self, *, in_series: bool) -> int:
        """How many pictures an image may be made from: in a series one is left for that of its leader."""
        return self.beside_another if in_series and self.beside_another > 0 else self.max_pictures


@dataclass(frozen=True)
class Routing:
    """The routes of the paths, and what each maker that is configured can do."""

    default: Route = Route()
    by_path: Mapping[str, Route] = field(default_factory=dict)
    capabilities: Mapping[Maker, Capability] = field(default_factory=dict)

    def route(self, path: str) -> Route:
        """The path's route as it is now."""
        return self.by_path.get(path, self.default)

    def has_fallback(self, maker: Maker) -> bool:
        """Whether a route that begins with the maker names another for when it is out.

        A plan may, of a route as it was: those images wait for their maker.
        """
        routes = (self.default, *self.by_path.values())
        return any(route.maker == maker and route.fallback is not None for route in routes)

    def capability(self, maker: Maker) -> Capability | None:
        """What the maker can do; None where it is not configured any more."""
        return self.capabilities.get(maker)


def named_makers(routes: Routing, paths: Collection[str]) -> frozenset[Maker]:
    """Every maker that a path's route or its fallback names."""
    return frozenset(maker for path in paths for maker in routes.route(path).makers)
