"""The Imaging port over Pillow: every picture is opened, used and dropped within one call.

No Image object outlives its call or is shared by threads: options of one save leak into another of the same
object (seen in Pillow 11.3 and 13.0).
"""

import os
from threading import BoundedSemaphore

from quel.adapters.imaging.grid import grid_picture
from quel.adapters.imaging.opening import NotAPictureError
from quel.adapters.imaging.reference import normalised
from quel.adapters.imaging.webp import webp
from quel.core.aspect import AspectRatio
from quel.core.errors import ReferenceUnavailable, UnreadablePicture
from quel.core.outcome import PictureBytes


class PillowImaging:
    """Decodes, draws and encodes pictures of at most `max_pixels`; thread-safe.

    At most `parallel` pictures are worked on at once (default: one a CPU, more would only wait for each
    other), which bounds the memory in use: about 350 MB for each at the limit of 50 million pixels.
    """

    def __init__(self, max_pixels: int = 50_000_000, parallel: int | None = None) -> None:
        self._max_pixels = max_pixels
        self._turn = BoundedSemaphore(parallel or os.cpu_count() or 1)

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it. Raises ReferenceUnavailable with a sentence."""
        try:
            with self._turn:
                return normalised(data, self._max_pixels)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"The file {problem}.") from None

    def grid(self, pictures: list[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """Normalised pictures as one, at the grid size of the aspect ratio. Raises ReferenceUnavailable."""
        try:
            with self._turn:
                return grid_picture(pictures, aspect_ratio, self._max_pixels)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"A picture of the grid {problem}.") from None

    def to_webp(self, data: bytes) -> bytes:
        """A provider's answer as WebP. Raises UnreadablePicture with a sentence."""
        try:
            with self._turn:
                return webp(data, self._max_pixels)
        except NotAPictureError as problem:
            raise UnreadablePicture(f"The provider's picture {problem}.") from None
