"""A picture as the take check works on it: small, in parts that are made once and shared by all questions."""

import threading
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

cv2.setNumThreads(1)  # a worker has threads of its own, and the check's price is that of one

EDGE_PX = 448
"""The longer side of the working picture."""
COLUMNS = 28
"""Blocks along its longer side."""
BLOCK_PX = 6
LEAST_PX = 32
"""Of the shorter side: below, there is nothing that could be told."""

_FEATURES = 320
_of_thread = threading.local()


def detector() -> cv2.ORB:
    """ORB of this thread: OpenCV's objects keep buffers between calls."""
    if not hasattr(_of_thread, "orb"):
        _of_thread.orb = cv2.ORB.create(
            _FEATURES, scaleFactor=1.3, nlevels=5, fastThreshold=10, edgeThreshold=12, patchSize=24
        )
    found: cv2.ORB = _of_thread.orb
    return found


class View:
    """A picture in sRGB, height × width × 3, and what the check reads off it."""

    def __init__(self, pixels: Pixels) -> None:
        self.full_px = (pixels.shape[1], pixels.shape[0])
        self.full = pixels
        self.shows_nothing = min(self.full_px) < LEAST_PX
        self.colour = shrunk(pixels, EDGE_PX)
        self.grey = grey_of(self.colour)

    def prepared(self) -> "View":
        """A reference: what is read off it once a job, without its full pixels."""
        if not self.shows_nothing:
            _ = self.points, self.halves, self.tiny
        self.full = self.colour
        return self

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the working picture."""
        return self.colour.shape[1], self.colour.shape[0]

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Blocks across and down."""
        width, height = self.size_px
        if width >= height:
            return COLUMNS, max(4, round(COLUMNS * height / width))
        return max(4, round(COLUMNS * width / height)), COLUMNS

    @cached_property
    def halves(self) -> tuple[Pixels, ...]:
        """The picture, its half, quarter and eighth, to be laid over others at about their size."""
        found = [self.colour]
        for _ in range(3):
            height, width = (max(4, (edge + 1) // 2) for edge in found[-1].shape[:2])
            half = cv2.resize(found[-1], (width, height), interpolation=cv2.INTER_AREA)
            found.append(np.asarray(half, np.uint8))
        return tuple(found)

    @cached_property
    def tiny(self) -> Pixels:
        """Grey at two pixels a block or so."""
        return grey_of(self.halves[-1])

    @cached_property
    def grid_grey(self) -> Floats:
        """Grey at one pixel a block."""
        return np.asarray(cv2.resize(self.grey, self.grid, interpolation=cv2.INTER_AREA), np.float32)

    @cached_property
    def blocks(self) -> Pixels:
        """The picture at BLOCK_PX a block."""
        across, down = self.grid
        size = (across * BLOCK_PX, down * BLOCK_PX)
        return np.asarray(cv2.resize(self.colour, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def points(self) -> tuple[Floats, Pixels]:
        """ORB's key points in pixels of the working picture, and their descriptors."""
        found, descriptors = detector().detectAndCompute(self.grey, None)
        places = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
        words = np.zeros((0, 32), np.uint8) if descriptors is None else np.asarray(descriptors, np.uint8)
        return places, words


def shrunk(pixels: Pixels, edge_px: int) -> Pixels:
    """The picture with its longer side at most so long."""
    height, width = pixels.shape[:2]
    scale = edge_px / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def grey_of(colour: Pixels) -> Pixels:
    """Its luma."""
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.uint8)
