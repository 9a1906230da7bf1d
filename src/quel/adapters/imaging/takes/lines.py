"""A picture read line by line, across or down: which lines are of one colour, and which are sharp edges."""

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from quel.adapters.imaging.takes.view import Floats, Pixels

_STEP = 7  # levels between the neighbours of a line, for it to be an edge
_PEAK = 1.7  # times what lies three lines off
_UNIFORM, _UNIFORM_CHANNEL = 5.0, 6.5  # deviation along a line, in levels
_ONE_COLOUR = 6.0


class Lines:
    """The columns of a picture, or (`upright` False) its rows as if they were columns."""

    def __init__(self, colour: Pixels, full: Pixels, *, upright: bool) -> None:
        self.colour = colour if upright else np.ascontiguousarray(colour.transpose(1, 0, 2))
        self._full = full if upright else full.transpose(1, 0, 2)
        self.upright = upright
        self.count = self.colour.shape[1]

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        values = self.colour.astype(np.float32)
        mean = cv2.reduce(values, 0, cv2.REDUCE_AVG)[0]
        squares = cv2.reduce(cv2.multiply(values, values), 0, cv2.REDUCE_AVG)[0]
        return mean, np.sqrt(np.maximum(squares - mean * mean, 0))

    @property
    def mean(self) -> Floats:
        """Each line's colour."""
        return self._moments[0]

    @property
    def deviation(self) -> Floats:
        """Of each line along itself, mean of the channels."""
        return np.asarray(self._moments[1].mean(1), np.float32)

    @cached_property
    def uniform(self) -> NDArray[np.bool_]:
        """The lines of one colour."""
        return np.asarray((self.deviation < _UNIFORM) & (self._moments[1].max(1) < _UNIFORM_CHANNEL))

    @cached_property
    def edges(self) -> NDArray[np.uint8]:
        """Where a line is a sharp edge: steeper than what lies beside it."""
        difference = cv2.absdiff(self.colour[:, 2:], self.colour[:, :-2])
        red, green, blue = cv2.split(difference)
        steep = cv2.max(cv2.max(red, green), blue)
        padded = cv2.copyMakeBorder(steep, 0, 0, 3, 3, cv2.BORDER_CONSTANT, value=0)
        beside = cv2.max(padded[:, :-6], padded[:, 6:])
        peak = ((steep > _STEP) & (steep > cv2.convertScaleAbs(beside, alpha=_PEAK))).astype(np.uint8)
        peak[:, 1:] |= peak[:, :-1]
        return np.asarray(peak, np.uint8)

    def at(self, line: int) -> NDArray[np.int16]:
        """A line's pixels; the nearest one for a line beyond the picture."""
        return self.colour[:, min(max(line, 0), self.count - 1)].astype(np.int16)

    def stripes(self, thinnest: int = 2) -> list[tuple[int, int]]:
        """Runs of lines of one colour, as first and last line."""
        found, start = [], None
        for line in range(self.count + 1):
            fits = line < self.count and bool(self.uniform[line])
            if fits and start is not None and np.abs(self.mean[line] - self.mean[start]).max() > _ONE_COLOUR:
                found.append((start, line - 1))
                start = line
            elif fits and start is None:
                start = line
            elif not fits and start is not None:
                found.append((start, line - 1))
                start = None
        return [(first, last) for first, last in found if last - first + 1 >= thinnest]

    def crispness(self, line: int) -> tuple[float, float]:
        """Of the edge near a line, in the full picture: how much of it is one step, and how much differs.

        Where two pictures meet, the step is a pixel wide and in the same place from end to end; a lens, and a
        model, draw an edge over several pixels, and hardly ever so level.
        """
        scale = self._full.shape[1] / self.count
        middle, reach = round((line + 0.5) * scale), int(np.ceil(2 * scale)) + 6
        if not reach <= middle < self._full.shape[1] - reach:
            return 0.0, 0.0
        every = max(1, self._full.shape[0] // 400)
        strip = np.ascontiguousarray(self._full[::every, middle - reach : middle + reach]).astype(np.int16)
        across = np.abs(strip[:, 9:] - strip[:, :-9]).max(2)  # from 4 pixels before a step to 5 behind it
        one = np.abs(strip[:, 5:-4] - strip[:, 4:-5]).max(2)
        two = np.abs(strip[:, 6:-3] - strip[:, 4:-5]).max(2)
        differs = across > 14
        crisp = differs & ((one > 0.6 * across) | (two > 0.88 * across))
        shares = crisp.sum(0) / np.maximum(1, differs.sum(0)) * (differs.mean(0) > 0.3)
        best = int(np.argmax(shares))
        return float(shares[best]), float(differs[:, best].mean())

    def repeated(self) -> int:
        """How many of the last lines are one and the same, in the full picture; 0 for hardly any."""
        every = max(1, self._full.shape[0] // 300)
        tail = np.ascontiguousarray(self._full[::every, ::-1])
        apart = cv2.absdiff(tail[:, 1:], tail[:, :-1]).reshape(tail.shape[0], -1, 3)
        means = cv2.reduce(apart, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0].max(1)
        same = means < 0.4
        run = len(same) if same.all() else int(np.argmin(same))
        return int((run + 1) * self.count / self._full.shape[1]) if run else 0

    def straightness(self, first: int, last: int, side: int) -> tuple[float, float]:
        """How much of a stripe's edge on `side` (-1 before, 1 behind) is one sharp line.

        The second is the share of its length over which there is another colour than the stripe's.
        """
        outside = self.at(last + 2) if side > 0 else self.at(first - 2)
        colour = self.mean[first : last + 1].mean(0)
        differs = np.abs(outside - colour).max(1) > 16
        extent = np.flatnonzero(differs)
        if not len(extent):
            return 0.0, 0.0
        span = extent[-1] - extent[0] + 1
        return float(differs[extent[0] : extent[-1] + 1].mean()), float(span / len(differs))


def continues(lines: Lines, before: int, behind: int) -> bool:
    """Whether what lies on both sides of a stripe is one view that a bar only covers.

    Panes of a window go on where they left off; panels begin anew.
    """
    a, b = (cv2.blur(lines.at(line).astype(np.float32), (1, 15)) for line in (before, behind))
    if min(a.std(0).max(), b.std(0).max()) < 5:
        return False
    return float((np.abs(a - b).max(1) < 28).mean()) > 0.5
