"""Looks at a generated picture and tells what is wrong with it, as scores from 0 to 1: no learned model.

Thresholds were found on the takes of tests/takes; docs/takes.md has counts a class and milliseconds.
"""

import math
from collections.abc import Sequence

import numpy as np

from quel.adapters.imaging.takes.blank import blank, cut_off
from quel.adapters.imaging.takes.borders import bars
from quel.adapters.imaging.takes.double import double
from quel.adapters.imaging.takes.echo import Echo, echo
from quel.adapters.imaging.takes.lines import Lines
from quel.adapters.imaging.takes.panels import panels
from quel.adapters.imaging.takes.view import View
from quel.core.aspect import AspectRatio
from quel.core.takes import Reason, Signs

_CLOSELY = 6  # so many references; the others only as wholes
_EXPLAINED = 0.9


def look(
    take: View, references: Sequence[View], siblings: Sequence[View], aspect_ratio: AspectRatio
) -> Signs:
    """The signs of a take that was ordered with these references, beside its finished siblings.

    Of one that is too small to show anything, only shape and size are told.
    """
    width, height = take.full_px
    shape = {
        Reason.RATIO: abs(math.log(width / height * aspect_ratio.height / aspect_ratio.width)),
        Reason.SIZE: float(width * height),
    }
    if take.shows_nothing:
        return Signs(shape)
    columns = Lines(take.colour, take.full, upright=True)
    rows = Lines(take.colour, take.full, upright=False)
    split, is_window = panels(columns, rows)
    border = bars(columns, rows)
    echoes = _echoes(take, references)
    scores = {
        Reason.BLANK: blank(take),
        Reason.CUT_OFF: cut_off(rows),
        **shape,
        Reason.ECHO: max((each.score for each in echoes), default=0.0),
        Reason.COLLAGE: max(split, _side_by_side(echoes)),
        Reason.BARS: min(border, 0.6) if is_window else border,
        Reason.DOUBLE: max((double(take, sibling) for sibling in siblings), default=0.0),
    }
    nearest = int(np.argmax([each.score for each in echoes])) + 1 if echoes else None
    return Signs(scores, nearest, _difference(echoes))


def _echoes(take: View, references: Sequence[View]) -> list[Echo]:
    found = []
    for number, reference in enumerate(references):
        found.append(echo(take, reference, several=len(references) > 1, closely=number < _CLOSELY))
        if found[-1].score > _EXPLAINED:
            break
    return found


def _side_by_side(echoes: Sequence[Echo]) -> float:
    """Several references, each as it was, next to each other."""
    seen = [e.best.good for e in echoes if e.best and e.best.inside > 0.55 and e.best.share > 0.06]
    if len(seen) < 2:
        return 0.0
    together = float(np.mean(np.any(seen, axis=0)))
    return min(1.0, together * 1.25) if together > 0.5 else 0.0


def _difference(echoes: Sequence[Echo]) -> float:
    """The raw difference from the nearest reference in levels: small only for the very same picture."""
    nearest = max(echoes, key=lambda each: each.score, default=None)
    return nearest.best.difference if nearest and nearest.best else 255.0
