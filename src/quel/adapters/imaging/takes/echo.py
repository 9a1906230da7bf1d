"""Whether a take is one of its references again: upright, mirrored, turned, cropped or fitted."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from quel.adapters.imaging.takes.overlay import Matrix, Overlay, nearness, overlay
from quel.adapters.imaging.takes.view import View

_NEAR_ENOUGH = 0.45
_SURE = 0.9
_RATIO = 0.82  # Lowe's, between the best and the second best match
_MATCHES = 8
_LETTERBOXED = 0.9


@dataclass(frozen=True)
class Echo:
    """How much of a take a reference is (0 to 1) and the blocks that it explains."""

    score: float
    best: Overlay | None


def echo(take: View, reference: View, *, several: bool, closely: bool = True) -> Echo:
    """The best of all ways to lay the reference over the take.

    With `several` references, one may be a place into which something was put: that is what was ordered.
    Not `closely`, it is looked for as a whole alone, which costs next to nothing where it is not there.
    """
    if reference.shows_nothing:
        return Echo(0.0, None)
    best, at = _laid_whole(take, reference)
    if closely and (best is None or best.share < _SURE):
        by_points = _affine(take, reference)
        for matrix in () if by_points is None else (by_points,):
            found = overlay(take, reference, matrix)
            if found and (best is None or found.share > best.share):
                best, at = found, matrix
    if best is None or at is None:
        return Echo(0.0, None)
    if 0.12 < best.share < 0.85 and nearness(take, reference, at) > 0.75:
        bent = overlay(take, reference, at, follow=True)
        if bent and bent.share > best.share:
            best = bent
    score = best.share
    if best.inside > 0.85 and score > 0.1 and _seen_whole(take, reference, at):
        score = max(score, best.inside * _LETTERBOXED)
    if several and _something_was_put_in(best):
        score *= 0.8
    return Echo(score, best)


def _laid_whole(take: View, reference: View) -> tuple[Overlay | None, Matrix | None]:
    best: Overlay | None = None
    at: Matrix | None = None
    for matrix in _placements(take, reference):
        if nearness(take, reference, matrix) < _NEAR_ENOUGH:
            continue
        found = overlay(take, reference, matrix)
        if found and (best is None or found.share > best.share):
            best, at = found, matrix
        if best and best.share > _SURE:
            break
    return best, at


def _placements(take: View, reference: View) -> Iterator[Matrix]:
    """Cover, contain and stretch; then mirrored, upside down and on its side."""
    width, height = reference.size_px
    for scale_x, scale_y in _fits((width, height), take.size_px):
        yield _centred(take.size_px, (width, height), np.diag([scale_x, scale_y]))
    for turn in ([[-1, 0], [0, 1]], [[-1, 0], [0, -1]]):
        for scale_x, scale_y in tuple(_fits((width, height), take.size_px))[::2]:
            yield _centred(take.size_px, (width, height), np.diag([scale_x, scale_y]) @ np.array(turn))
    for turn in ([[0, -1], [1, 0]], [[0, 1], [-1, 0]]):
        scale_x, scale_y = next(_fits((height, width), take.size_px))
        yield _centred(take.size_px, (width, height), np.diag([scale_x, scale_y]) @ np.array(turn))


def _fits(size: tuple[int, int], room: tuple[int, int]) -> Iterator[tuple[float, float]]:
    across, down = room[0] / size[0], room[1] / size[1]
    yield max(across, down), max(across, down)
    yield min(across, down), min(across, down)
    yield across, down


def _centred(room: tuple[int, int], size: tuple[int, int], linear: NDArray[np.float64]) -> Matrix:
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = (np.array(room) - 1) / 2 - linear @ ((np.array(size) - 1) / 2)  # pixels count from 0
    return matrix


def _affine(take: View, reference: View) -> Matrix | None:
    """Where key points say that the reference lies: finds crops and copies at another size."""
    (places, words), (take_places, take_words) = reference.points, take.points
    if min(len(places), len(take_places)) < _MATCHES:
        return None
    distances, seconds = cv2.batchDistance(words, take_words, cv2.CV_32S, None, None, cv2.NORM_HAMMING, 2)
    sure = (distances[:, 0] < _RATIO * distances[:, 1]) & (distances[:, 0] < 64)
    if sure.sum() < _MATCHES:
        return None
    sources, targets = places[sure], take_places[seconds[sure, 0]]
    cv2.setRNGSeed(1)  # the same verdict for the same picture
    affine, inliers = cv2.estimateAffine2D(
        sources, targets, method=cv2.RANSAC, ransacReprojThreshold=5, maxIters=400, confidence=0.98
    )
    if affine is None or inliers.sum() < _MATCHES:
        return None
    return np.asarray(np.vstack([affine, [0, 0, 1]]), np.float64)


def _seen_whole(take: View, reference: View, matrix: Matrix) -> bool:
    """From side to side in one direction, and nowhere beyond the take."""
    width, height = reference.size_px
    corners = matrix[:2] @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], float)
    low, high = corners.min(1), corners.max(1)
    room = np.array(take.size_px)
    slack = 0.02 * room.max()
    is_within = bool((low > -slack).all() and (high < room + slack).all())
    return is_within and bool(((low < slack) & (high > room - slack)).any())


def _something_was_put_in(best: Overlay) -> bool:
    """A connected part of the place that the reference does not explain."""
    if best.share > 0.93 or best.inside > 0.95:
        return False
    new = cv2.morphologyEx((~best.good).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    count, _, facts, _ = cv2.connectedComponentsWithStats(new)
    return count > 1 and bool(facts[1:, cv2.CC_STAT_AREA].max() > 0.05 * new.size)
