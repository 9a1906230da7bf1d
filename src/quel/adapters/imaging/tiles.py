"""Draws a decoded picture at another size, a tile at a time: what is worked on beside it stays small."""

import math
from collections.abc import Callable, Iterator

from PIL import Image

Size = tuple[int, int]  # width, height in pixels
_Span = tuple[int, int]  # first, behind the last
Change = Callable[[Image.Image], Image.Image]

_TILE_EDGE_PX = 1024  # of the source; with all its copies a tile takes about 15 MB
_REACH = 3  # LANCZOS looks so many pixels of the result to each side


def drawn(
    picture: Image.Image, size_px: Size, plain: Change, finish: Change, mode: str = "RGB"
) -> Image.Image:
    """The picture in `mode` at `size_px`: each tile made `plain`, resampled, and given its last `finish`.

    `plain` returns any mode that can be resampled, `finish` the result's; neither changes the size.
    """
    result = Image.new(mode, size_px)
    across, down = picture.width / size_px[0], picture.height / size_px[1]
    for top, bottom in _spans(size_px[1], max(1, int(_TILE_EDGE_PX / down))):
        upper, lower = _source(top, bottom, down, picture.height)
        columns = max(1, int(_TILE_EDGE_PX**2 / (lower - upper) / across))
        for left, right in _spans(size_px[0], columns):
            first, behind = _source(left, right, across, picture.width)
            tile = plain(picture.crop((first, upper, behind, lower)))
            if size_px != picture.size:
                columns_of_it = (left * across - first, right * across - first)
                rows_of_it = (top * down - upper, bottom * down - upper)
                tile = _resampled(tile, (right - left, bottom - top), columns_of_it, rows_of_it)
            result.paste(finish(tile), (left, top))
    return result


def _resampled(
    tile: Image.Image, size_px: Size, columns: tuple[float, float], rows: tuple[float, float]
) -> Image.Image:
    box = (max(0.0, columns[0]), max(0.0, rows[0]), min(columns[1], tile.width), min(rows[1], tile.height))
    # Where the picture is far larger its pixels are averaged first, or the filter would look at all of them.
    return tile.resize(size_px, Image.Resampling.LANCZOS, box, reducing_gap=3.0)


def _spans(length: int, step: int) -> Iterator[_Span]:
    return ((start, min(start + step, length)) for start in range(0, length, step))


def _source(start: int, end: int, scale: float, length: int) -> _Span:
    """The pixels of the source that a span of the result is made from."""
    if scale == 1:
        return start, end
    reach = _REACH * max(1.0, scale)
    return max(0, math.floor(start * scale - reach)), min(length, math.ceil(end * scale + reach))
