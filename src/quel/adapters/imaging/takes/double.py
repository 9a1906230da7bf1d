"""Whether a take is the same picture as a finished take of its item, which two seeds may give."""

from quel.adapters.imaging.takes.overlay import nearness, overlay, scaling
from quel.adapters.imaging.takes.view import View

_NEAR_ENOUGH = 0.45
_SAME_COLOURS = 28.0  # levels, on average


def double(take: View, sibling: View) -> float:
    """From 0 to 1: how much of the take its sibling, laid over it as it is, explains in the same colours."""
    across, down = (own / other for own, other in zip(take.size_px, sibling.size_px, strict=True))
    matrix = scaling(across, down)
    if nearness(take, sibling, matrix) < _NEAR_ENOUGH:
        return 0.0
    found = overlay(take, sibling, matrix, follow=True)
    return found.share if found and found.difference < _SAME_COLOURS else 0.0
