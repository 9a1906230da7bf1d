"""Tells a picture of one colour: what a sampler makes of numbers that are none is black from edge to edge."""

from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.workbench import Workbench
from quel.core.errors import UnreadablePicture

_MOST_SPREAD = 2  # between the darkest and the lightest value of a channel: what rounding leaves


def is_uniform(data: bytes, bench: Workbench) -> bool:
    """Whether no channel varies. All of it is decoded. Raises UnreadablePicture with a sentence."""
    try:
        with bench.opened(data, lambda _size_px: (0, 0)) as picture:
            extrema = picture.convert("RGB").getextrema()
    except NotAPictureError as problem:
        raise UnreadablePicture(f"The provider's picture {problem}.") from None
    return all(high - low <= _MOST_SPREAD for low, high in extrema)  # type: ignore[misc]
