"""A take of the test set, with everything that the check is told of it."""

from dataclasses import dataclass, field

from PIL import Image

from quel.core.aspect import AspectRatio
from quel.core.takes import Reason


@dataclass(frozen=True)
class Take:
    """`reason` None for a good one. `references` were shown to the engine, `siblings` are finished takes."""

    image: Image.Image
    reason: Reason | None
    references: tuple[Image.Image, ...] = ()
    siblings: tuple[Image.Image, ...] = ()
    aspect_ratio: AspectRatio = field(default=AspectRatio(16, 9))
    may_stay_near: bool = False
