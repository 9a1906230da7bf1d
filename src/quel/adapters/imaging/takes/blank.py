"""Whether there is nothing to see: one colour, a gradient, noise, a blur; or a picture that breaks off."""

import cv2
import numpy as np

from quel.adapters.imaging.takes.lines import Lines
from quel.adapters.imaging.takes.view import View

_FLAT, _SOFT, _BLURRED = 3.0, 4.0, 10.0
_WHITE, _BLACK = 248, 7


def blank(view: View) -> float:
    """From 0 to 1, by deviation at 64 × 64 and by how steep the steepest places are."""
    small = cv2.resize(view.grey, (64, 64), interpolation=cv2.INTER_AREA)
    deviation = float(small.std())
    if deviation < _FLAT:
        return 1.0
    across, down = cv2.spatialGradient(cv2.blur(view.grey, (3, 3)))
    steepness = cv2.add(cv2.convertScaleAbs(across), cv2.convertScaleAbs(down))
    counts = np.cumsum(np.bincount(steepness.ravel(), minlength=256))
    steepest = int(np.searchsorted(counts, 0.995 * counts[-1])) / 4
    if steepest < _SOFT:
        return 0.95
    if deviation < 5 and float(view.grey.std()) > 8:  # noise: rough from near, one colour from afar
        return 0.8
    return 0.75 if steepest < _BLURRED else 0.0


def cut_off(rows: Lines) -> float:
    """From 0 to 1: exactly the same line again and again down to the bottom, below a step.

    What a decoder fills in for bytes that never came: grey, black, or the last row it read.
    """
    height, run = rows.count, rows.repeated()
    if not 0.06 * height < run < 0.98 * height:
        return 0.0
    fill = rows.at(height - 1)
    if fill.std(0).max() > 8:
        return 0.9 if run > 0.1 * height else 0.0
    if np.abs(rows.at(0) - fill).max() < 8:  # the same at the top: a bar, or paper
        return 0.0
    step = np.abs(rows.at(height - run - 2) - rows.at(height - 2)).max(1) > 14
    tone = fill.mean(0)
    is_paper = tone.mean() > _WHITE or tone.mean() < _BLACK
    is_grey = np.ptp(tone) < 4 and not is_paper
    needed = 0.6 if not is_grey else 0.25 if run > 0.1 * height else 0.5
    return 0.9 if step.mean() > needed else 0.0
