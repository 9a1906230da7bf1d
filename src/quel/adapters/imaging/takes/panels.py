"""Whether a take is several pictures: straight seams from edge to edge, gutters, sheets of cells."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from quel.adapters.imaging.takes.lines import Lines, continues

_SIMPLE = (1 / 2, 1 / 3, 2 / 3, 1 / 4, 3 / 4)
_OFF = 0.008  # of the picture, from such a place
_MARGIN = 0.06
_PLAIN = 2.2  # levels along an edge: below, both sides are bare surfaces
_WIDEST_GUTTER = 0.09
_CRISP = 0.55


@dataclass(frozen=True)
class Seam:
    """A straight line from edge to edge, at `place` of the picture.

    `sharp` is the share of it that is an edge, of what differs at all; `long` of the whole length; `rough`
    how much goes on along it; `crisp` that in the full picture it is one step of a pixel.
    """

    line: int
    place: float
    sharp: float
    long: float
    rough: float
    crisp: bool = False


@dataclass(frozen=True)
class Stripe:
    """Lines of one colour between others.

    `edge` is how much of its edges is one; `passed` says that one view goes on behind it.
    """

    first: int
    last: int
    colour: tuple[float, ...]
    edge: float
    passed: bool


@dataclass(frozen=True)
class Found:
    """What the columns or the rows show."""

    seams: tuple[Seam, ...]
    weak: tuple[Seam, ...]
    stripes: tuple[Stripe, ...]
    is_sheet: bool


def panels(columns: Lines, rows: Lines) -> tuple[float, bool]:
    """From 0 to 1; and whether uniform bars lie in front of one view, as a window's do."""
    upright, lying = _read(columns), _read(rows)
    both = (upright, lying)
    bars = [stripe for each in both for stripe in each.stripes if stripe.passed]
    gutters = [s for each in both for s in each.stripes if not any(_alike(s, bar) for bar in bars)]
    seams = [seam for each in both for seam in each.seams]
    score = 0.0
    if any(each.is_sheet for each in both) and not bars:
        score = 0.95
    if len(gutters) >= 2:
        score = 1.0
    elif gutters:
        score = max(score, 0.85 if seams or gutters[0].edge > 0.6 else 0.55)
    if upright.seams and lying.seams:
        score = max(score, 0.95)
    score = max([score, *(_of_seam(seam) for seam in seams), *(_of_row(each) for each in both)])
    middle = [(*each.seams, *each.weak) for each in both]
    if all(len(each) == 1 and _near(each[0], 0.5) for each in middle):
        score = max(score, 0.9)
    return score, bool(bars) and not gutters and not seams


def _alike(one: Stripe, other: Stripe) -> bool:
    return max(abs(a - b) for a, b in zip(one.colour, other.colour, strict=True)) < 12


def _near(seam: Seam, place: float) -> bool:
    return abs(seam.place - place) < _OFF


def _of_seam(seam: Seam) -> float:
    if any(_near(seam, place) for place in _SIMPLE[:3]):
        return 0.9
    if seam.crisp and seam.long > 0.6:
        return 0.8
    return 0.75 if seam.long > 0.9 and seam.rough > 5 else 0.5


def _of_row(found: Found) -> float:
    """Several weaker seams at simple places, or one in the very middle."""
    all_of_them = sorted((*found.seams, *found.weak), key=lambda seam: seam.place)
    places = [seam.place for seam in all_of_them]
    if len(places) == 1 and found.weak and abs(places[0] - 0.5) < 0.006:
        return 0.75
    is_apart = len(places) >= 2 and min(np.diff(places)) > 0.15
    if is_apart and all(min(abs(place - simple) for simple in _SIMPLE) < 0.012 for place in places):
        return 0.85
    return 0.0


def _read(lines: Lines) -> Found:
    strong, weak = _seams(lines)
    stripes = lines.stripes()
    between = _stripes_between(lines, stripes)
    beside = _posts(lines, sorted((*strong, *weak), key=lambda seam: seam.line))
    for stripe in between:
        beside |= {seam for seam in (*strong, *weak) if stripe.first - 4 <= seam.line <= stripe.last + 4}
    return Found(
        tuple(seam for seam in strong if seam not in beside),
        tuple(seam for seam in weak if seam not in beside),
        tuple(between),
        _is_sheet(lines, stripes),
    )


def _seams(lines: Lines) -> tuple[list[Seam], list[Seam]]:
    strong, weak = [], []
    cover = cv2.reduce(lines.edges.astype(np.float32), 0, cv2.REDUCE_AVG)[0]
    for peak in _peaks(cover):
        line = peak + 1
        if not _MARGIN < line / lines.count < 1 - _MARGIN:
            continue
        before, behind = lines.at(line - 3), lines.at(line + 4)
        differs = np.abs(before - behind).max(1) > 14
        if differs.mean() < 0.3:
            continue
        sharp = float(lines.edges[:, peak][differs].mean())
        rough = max(_roughness(before, differs), _roughness(behind, differs))
        crispness, long = lines.crispness(line)
        crisp = crispness > _CRISP
        seam = Seam(
            line,
            line / lines.count,
            max(sharp, crispness * crisp),
            max(float(cover[peak]), long * crisp),
            rough,
            crisp,
        )
        if not crisp and cover[peak] < 0.72:
            continue
        if rough < _PLAIN and not _parts_two_pictures(lines, seam):
            continue  # a straight edge between two bare surfaces: a table, a wall
        if seam.sharp > 0.9 or crisp:
            strong.append(seam)
        elif sharp > 0.76 and cover[peak] > 0.62:
            weak.append(seam)
    return strong, weak


def _peaks(cover: NDArray[np.float32], least: float = 0.42, gap: int = 3) -> list[int]:
    found: list[int] = []
    for at in np.flatnonzero(cover >= least):
        if found and at - found[-1] <= gap:
            if cover[at] > cover[found[-1]]:
                found[-1] = int(at)
        else:
            found.append(int(at))
    return found


def _roughness(line: NDArray[np.int16], where: NDArray[np.bool_]) -> float:
    smooth = cv2.blur(line.astype(np.float32), (1, 9))
    return float(np.median(np.abs(line - smooth).max(1)[where]))


def _parts_two_pictures(lines: Lines, seam: Seam) -> bool:
    """Between bare surfaces: a crisp line that nothing crosses, or in the middle with things on both sides.

    What stands on a table crosses the line where the table ends; between side by side pictures nothing lies.
    """
    if seam.crisp:
        return seam.long > (0.6 if lines.upright else 0.93)
    if seam.long < 0.95 or abs(seam.place - 0.5) > 0.006:
        return False
    return _has_things(lines, 0, seam.line - 5) and _has_things(lines, seam.line + 5, lines.count)


def _has_things(lines: Lines, first: int, behind: int) -> bool:
    part = lines.colour[:, max(0, first) : behind]
    if part.shape[1] < 0.12 * lines.count:
        return False
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    across, down = cv2.spatialGradient(grey)
    busy = (np.abs(across) + np.abs(down)) > 90
    near = busy[:, : max(1, part.shape[1] // 20)] if first else busy[:, -max(1, part.shape[1] // 20) :]
    return bool(busy.mean() > 0.006 and near.mean() < 0.01)


def _posts(lines: Lines, seams: list[Seam]) -> set[Seam]:
    """Two edges close together: the sides of a post, a glazing bar, a sign, or of a gutter."""
    found: set[Seam] = set()
    for one, other in pairwise(seams):
        between = lines.deviation[one.line + 2 : other.line - 1]
        is_bar = one.crisp and other.crisp
        is_shaded = bool(between.size) and between.mean() >= 7
        if 3 < other.line - one.line < 0.07 * lines.count and (is_bar or is_shaded):
            found |= {one, other}
    return found


def _stripes_between(lines: Lines, stripes: list[tuple[int, int]]) -> list[Stripe]:
    """The uniform stripes with something else on both sides: gutters, or bars of a window."""
    found = []
    widest = _WIDEST_GUTTER * lines.count
    for first, last in stripes:
        if first < 0.05 * lines.count or last > 0.95 * lines.count or last - first + 1 > widest:
            continue
        before = lines.at(first - 2) - lines.mean[first]
        behind = lines.at(last + 2) - lines.mean[last]
        edge, other_edge = ((np.abs(each).max(1) > 16).mean() for each in (before, behind))
        brightness = before.mean(1), behind.mean(1)
        told = (np.abs(brightness[0]) > 10) & (np.abs(brightness[1]) > 10)
        alike = (
            (np.sign(brightness[0][told]) == np.sign(brightness[1][told])).mean() if told.sum() > 10 else 1
        )
        if min(edge, other_edge) < 0.3 or max(edge, other_edge) < 0.5 or alike < 0.8:
            continue
        colour = tuple(float(level) for level in lines.mean[first : last + 1].mean(0))
        passed = continues(lines, first - 3, last + 3)
        found.append(Stripe(first, last, colour, float(min(edge, other_edge)), passed))
    return found


def _is_sheet(lines: Lines, stripes: list[tuple[int, int]]) -> bool:
    """Stripes of one colour at any width, one of them inside, with straight lines for edges: cells."""
    wide = [(first, last) for first, last in stripes if last - first + 1 >= max(2, lines.count // 100)]
    for first, last in wide:
        if first <= 0.08 * lines.count or last >= 0.92 * lines.count:
            continue
        colour = lines.mean[first : last + 1].mean(0)
        same = [s for s in wide if np.abs(lines.mean[s[0] : s[1] + 1].mean(0) - colour).max() < 6]
        if len(same) < 2 or continues(lines, first - 3, last + 3):
            continue
        edges = [lines.straightness(first, last, side) for side in (-1, 1)]
        if all(straight > 0.8 and long > 0.7 for straight, long in edges):
            return True
    return False
