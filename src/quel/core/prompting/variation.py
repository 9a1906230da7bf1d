"""What one of several images of an item varies: a hint of each axis, never the same combination in a row."""

from collections.abc import Sequence

from quel.core.prompting.rules import Rules
from quel.core.prompting.scene import Scene


def hints(scene: Scene, axes: Sequence[Rules], number: int) -> list[str]:
    """The hints of image `number` (from 0), strongest axis first.

    A combination comes back only when all of them have been used. `number` is read as digits, one an axis, so
    that combinations differ; the digits before are added to each, so that one image differs from the next in
    more than one axis.
    """
    found = []
    rest, shift = number, 0
    for options in filter(None, (scene.every(axis) for axis in axes)):
        rest, digit = divmod(rest, len(options))
        found.append(options[(digit + shift) % len(options)])
        shift += digit
    return found
