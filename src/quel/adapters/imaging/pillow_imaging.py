"""The Imaging port over Pillow: every picture is opened, used and dropped within one call.

No Image object outlives its call or is shared by threads: options of one save leak into another of the same
object (seen in Pillow 11.3 and 13.0).
"""

from collections.abc import Collection

from quel.adapters.imaging.cost import MASK_RESULT
from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.grid import grid_picture
from quel.adapters.imaging.mask import marked, normalised_mask, scaled
from quel.adapters.imaging.reference import fitting_size, normalised
from quel.adapters.imaging.webp import webp
from quel.adapters.imaging.workbench import Workbench
from quel.core.aspect import AspectRatio
from quel.core.errors import ReferenceUnavailable, UnreadablePicture
from quel.core.outcome import PictureBytes
from quel.core.provenance import DigitalSourceType


class PillowImaging:
    """Decodes, draws and encodes pictures within the limits of its bench; thread-safe."""

    def __init__(self, bench: Workbench | None = None) -> None:
        self._bench = bench or Workbench()

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it. Raises ReferenceUnavailable with a sentence."""
        try:
            with self._bench.opened(data, fitting_size) as picture:
                return normalised(picture, data)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"The file {problem}.") from None

    def grid(self, pictures: Collection[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """Normalised pictures as one, at the grid size of the aspect ratio. Raises ReferenceUnavailable."""
        try:
            return grid_picture(pictures, aspect_ratio, self._bench)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"A picture of the grid {problem}.") from None

    def normalise_mask(self, data: bytes) -> PictureBytes:
        """A mask as a PNG with transparency, else as `normalise`. Raises ReferenceUnavailable."""
        try:
            with self._bench.opened(data, fitting_size, MASK_RESULT) as picture:
                return normalised_mask(picture)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"The mask {problem}.") from None

    def mark(self, original: PictureBytes, mask: PictureBytes) -> PictureBytes:
        """The picture with the mask laid over it, both normalised. Raises ReferenceUnavailable."""
        try:
            return marked(original, mask, self._bench)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"The marked picture {problem}.") from None

    def scale_mask(self, mask: PictureBytes, original: PictureBytes) -> PictureBytes:
        """The mask at the picture's size, both normalised. Raises ReferenceUnavailable."""
        try:
            return scaled(mask, original, self._bench)
        except NotAPictureError as problem:
            raise ReferenceUnavailable(f"The mask {problem}.") from None

    def to_webp(self, data: bytes, source_type: DigitalSourceType | None) -> bytes:
        """A provider's answer as WebP that says how it was made. Raises UnreadablePicture, a sentence."""
        try:
            with self._bench.opened(data, lambda size_px: size_px) as picture:
                return webp(picture, source_type)
        except NotAPictureError as problem:
            raise UnreadablePicture(f"The provider's picture {problem}.") from None
