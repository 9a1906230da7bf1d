"""The paths at which images may begin: what the settings switch off or limit, what an operator has paused."""

from collections.abc import Collection, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class PathLimit:
    """A path that is open: at most `most` of its images are generated at once, any number for None."""

    path: str
    most: int | None = None


@dataclass(frozen=True)
class EveryPath:
    """Every path is open and none is limited."""


@dataclass(frozen=True)
class OnlyPaths:
    """These paths are open and no other; without any, no image may begin."""

    limits: tuple[PathLimit, ...]


OpenPaths = EveryPath | OnlyPaths


def names_of(open_paths: OpenPaths, known_paths: Collection[str]) -> tuple[str, ...]:
    """The open paths by name, in order."""
    if isinstance(open_paths, EveryPath):
        return tuple(sorted(known_paths))
    return tuple(limit.path for limit in open_paths.limits)


def without_paused(open_paths: OpenPaths, paused: Set[str], known_paths: Collection[str]) -> OpenPaths:
    """What is left of the open paths when those that are `paused` are closed; `*` stands for all of them."""
    if not paused:
        return open_paths
    if isinstance(open_paths, EveryPath):
        open_paths = OnlyPaths(tuple(PathLimit(path) for path in sorted(known_paths)))
    return OnlyPaths(tuple(limit for limit in open_paths.limits if not paused & {limit.path, "*"}))
