"""Lays one picture over another and says how much of the other it explains, block by block."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from quel.adapters.imaging.takes.view import BLOCK_PX, Floats, View

Matrix = NDArray[np.float64]

_TEXTURED = 2.2  # deviation of a block's grey beyond a slope, in levels of 255
_SAME_TEXTURE = 0.55  # correlation
_SAME_COLOUR, _SAME_PLAIN = 48, 14  # levels
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FOLLOWED_PX = 2.6  # of the blocks' picture: a re-encoded copy is bent by no more, a person in a new pose is

_AT = np.linspace(-1, 1, BLOCK_PX, dtype=np.float32)
_SLOPES = np.linalg.qr(
    np.stack([np.ones(BLOCK_PX**2), np.tile(_AT, BLOCK_PX), np.repeat(_AT, BLOCK_PX)], 1).astype(np.float32)
)[0]


@dataclass(frozen=True)
class Overlay:
    """What lies where: `share` of the take that is explained, `inside` of what the reference covers.

    `good` are the explained blocks, down × across; `covered` those that the reference reaches.
    `difference` is the mean raw difference of textured blocks in levels, without a new grade.
    """

    share: float
    inside: float
    good: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    difference: float


def overlay(take: View, reference: View, matrix: Matrix, *, follow: bool = False) -> Overlay | None:
    """The reference laid over the take by `matrix` (working pixels to working pixels); None for nonsense."""
    warped = _warped(take, reference, matrix)
    if warped is None:
        return None
    laid, mask = warped
    if follow:
        laid = _followed(take.blocks, laid)
    grid = take.grid
    covered = _tiles(mask[..., None], grid).min(axis=(2, 3)) > 128
    if covered.sum() < 8:
        return None
    a, b = _tiles(take.blocks, grid).astype(np.float32), _tiles(laid, grid).astype(np.float32)
    mean_a, mean_b = a.mean(2), b.mean(2)
    colour = np.abs(mean_a - _regraded(mean_a, mean_b, covered)).max(-1)
    grey_a, grey_b = _beyond_slope(a @ _LUMA), _beyond_slope(b @ _LUMA)
    rough_a, rough_b = np.sqrt((grey_a**2).mean(2)), np.sqrt((grey_b**2).mean(2))
    alike = (grey_a * grey_b).mean(2) / (rough_a * rough_b + 1e-3)
    textured = np.maximum(rough_a, rough_b) > _TEXTURED
    good = (
        np.where(textured, (alike > _SAME_TEXTURE) & (colour < _SAME_COLOUR), colour < _SAME_PLAIN) & covered
    )
    weight = _weights(textured)
    told = textured & covered
    if told.mean() < 0.05:  # else paper, which stays as white as it was, counts for nothing
        told = covered
    difference = float(np.abs(mean_a - mean_b).max(-1)[told].mean())
    share = float((good * weight).sum() / weight.sum())
    inside = float((good * weight)[covered].sum() / max(1e-6, weight[covered].sum()))
    return Overlay(share, inside, good, covered, difference)


def nearness(take: View, reference: View, matrix: Matrix) -> float:
    """How alike both are at a block a pixel (correlation of grey), to pass over what cannot fit."""
    across, down = take.grid
    step = (
        scaling(across / take.size_px[0], down / take.size_px[1]) @ matrix @ _from(reference, reference.tiny)
    )
    laid = cv2.warpAffine(
        reference.tiny.astype(np.float32),
        step[:2],
        (across, down),
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-1000,
    )
    inside = laid > -1
    if inside.sum() < 20:
        return 0.0
    return _correlation(take.grid_grey[inside], np.asarray(laid[inside], np.float32))


def scaling(across: float, down: float) -> Matrix:
    """Between the pixels of a picture and those of a smaller one, centre to centre."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64)


def _from(view: View, smaller: NDArray[np.uint8]) -> Matrix:
    """From pixels of one of a view's halves to those of its working picture."""
    return scaling(view.size_px[0] / smaller.shape[1], view.size_px[1] / smaller.shape[0])


def _warped(
    take: View, reference: View, matrix: Matrix
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    height, width = take.blocks.shape[:2]
    step = scaling(width / take.size_px[0], height / take.size_px[1]) @ matrix
    scale = float(np.sqrt(abs(np.linalg.det(step[:2, :2]))))
    if not 0.02 < scale < 8:
        return None
    level = min(
        3, max(0, int(np.floor(np.log2(1.0 / scale) + 0.4)))
    )  # the one a warp need not shrink by much
    source = reference.halves[level]
    step = step @ _from(reference, source)
    laid = cv2.warpAffine(
        source, step[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(np.full(source.shape[:2], 255, np.uint8), step[:2], (width, height))
    return np.asarray(laid, np.uint8), np.asarray(mask, np.uint8)


def _followed(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bends the reference to the take by a few pixels, as encoding anew does."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flow.setFinestScale(0)
    grey_a, grey_b = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), cv2.cvtColor(b, cv2.COLOR_RGB2GRAY)
    moves = flow.calc(grey_a, grey_b, np.zeros((*grey_a.shape, 2), np.float32))
    moves = np.clip(cv2.blur(moves, (13, 13)), -_FOLLOWED_PX, _FOLLOWED_PX).astype(np.float32)
    y, x = np.mgrid[0 : a.shape[0], 0 : a.shape[1]].astype(np.float32)
    bent = cv2.remap(
        b, x + moves[..., 0], y + moves[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(bent, np.uint8)


def _tiles(picture: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """Down × across × pixels of a block × channels."""
    across, down = grid
    cut = picture.reshape(down, BLOCK_PX, across, BLOCK_PX, -1).transpose(0, 2, 1, 3, 4)
    return cut.reshape(down, across, BLOCK_PX**2, -1)


def _beyond_slope(grey: Floats) -> Floats:
    """What a block has beside its mean and a slope: backdrops that both darken downwards are no copies."""
    return np.asarray(grey - (grey @ _SLOPES) @ _SLOPES.T, np.float32)


def _regraded(a: Floats, b: Floats, where: NDArray[np.bool_]) -> Floats:
    """`b` with one gain and offset a channel: a new grade is still the old picture."""
    gain = np.clip(a[where].std(0) / (b[where].std(0) + 1e-3), 0.5, 2)
    return np.asarray(b * gain + (a[where].mean(0) - gain * b[where].mean(0)), np.float32)


def _weights(textured: NDArray[np.bool_]) -> Floats:
    """Plain blocks together weigh at most half as much as textured ones: backdrops resemble each other."""
    busy, plain = int(textured.sum()), int((~textured).sum())
    each = min(0.35, 0.5 * busy / plain) if plain else 0.0
    return np.where(textured, 1.0, max(each, 0.02)).astype(np.float32)


def _correlation(first: Floats, second: Floats) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-6))
