"""Whether uniform strips along its sides keep a picture from filling its frame: bars, or a frame."""

import numpy as np

from quel.adapters.imaging.takes.lines import Lines

_THINNEST = 0.011  # of the picture
_DEEPEST = 0.42
_STEP = 18  # levels
_EVEN = 0.02


def bars(columns: Lines, rows: Lines) -> float:
    """From 0 to 1: opposite strips, or three, or one, that end in one straight, sharp line.

    A product on white has strips as well, but no line at their end.
    """
    sides = {
        "left": _strip(columns, back=False),
        "right": _strip(columns, back=True),
        "top": _strip(rows, back=False),
        "bottom": _strip(rows, back=True),
    }
    score = 0.0
    for one, other in (("top", "bottom"), ("left", "right")):
        (depth, line), (other_depth, other_line) = sides[one], sides[other]
        if not depth or not other_depth:
            continue
        low, high = sorted((line, other_line))
        even = abs(depth - other_depth) < _EVEN
        if high > 0.55 and low > 0.3 and (even or low > 0.6):
            score = max(score, 0.95)
        elif even and high > 0.45 and low > 0.2:
            score = max(score, 0.7)
    straight = [line for depth, line in sides.values() if depth]
    if len(straight) >= 3 and np.median(straight) > 0.45:
        score = max(score, 0.95)
    if straight and max(straight) > 0.9:
        score = max(score, 0.85)
    return score


def _strip(lines: Lines, *, back: bool) -> tuple[float, float]:
    """A uniform strip at one side: its depth, and how much of its inner edge is one sharp line."""
    order = np.arange(lines.count)[::-1] if back else np.arange(lines.count)
    reach = order[: int(lines.count * _DEEPEST)]
    same = lines.uniform[reach] & (np.abs(lines.mean[reach] - lines.mean[order[0]]).max(1) < 6)
    depth = len(same) if same.all() else int(np.argmin(same))
    if depth < max(3, _THINNEST * lines.count):
        return 0.0, 0.0
    beyond = lines.at(int(order[min(lines.count - 1, depth + 2)]))
    differs = np.abs(beyond - lines.mean[order[:depth]].mean(0)).max(1) > _STEP
    extent = np.flatnonzero(differs)
    if not len(extent):
        return 0.0, 0.0
    span = extent[-1] - extent[0] + 1
    return depth / lines.count, float(differs[extent[0] : extent[-1] + 1].mean() * span / len(differs))
