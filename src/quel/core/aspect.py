"""The aspect ratios a job can ask for, and the size quel draws a grid picture at for each."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class AspectRatio:
    """One of the ten ratios every supported model accepts."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


GRID_SIZES_PX: dict[AspectRatio, tuple[int, int]] = {
    # Google's output sizes of the one-megapixel class, (width, height) in pixels.
    AspectRatio(1, 1): (1024, 1024),
    AspectRatio(2, 3): (832, 1248),
    AspectRatio(3, 2): (1248, 832),
    AspectRatio(3, 4): (864, 1184),
    AspectRatio(4, 3): (1184, 864),
    AspectRatio(4, 5): (896, 1152),
    AspectRatio(5, 4): (1152, 896),
    AspectRatio(9, 16): (768, 1344),
    AspectRatio(16, 9): (1344, 768),
    AspectRatio(21, 9): (1536, 672),
}

DEFAULT_ASPECT_RATIO = AspectRatio(16, 9)


def nearest_aspect_ratio(width: float, height: float) -> AspectRatio:
    """The supported ratio nearest to width:height, both positive and finite.

    Nearness is measured between logarithms, so that 1:2 is as far from 1:1 as 2:1 is.
    """
    wanted = math.log(width) - math.log(height)
    return min(GRID_SIZES_PX, key=lambda ratio: abs(math.log(ratio.width / ratio.height) - wanted))
