"""Draws several references as one picture: ⌈√n⌉ columns on white, at the size of an aspect ratio."""

import io
import math
from collections.abc import Collection

from PIL import Image

from quel.adapters.imaging.rgb import LYING, orientation_of, upright_rgb
from quel.adapters.imaging.tiles import Size
from quel.adapters.imaging.workbench import Workbench
from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.outcome import PictureBytes

_Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def grid_picture(
    pictures: Collection[PictureBytes], aspect_ratio: AspectRatio, bench: Workbench
) -> PictureBytes:
    """One JPEG, exactly GRID_SIZES_PX[aspect_ratio], the pictures row by row in the order given.

    Raises NotAPictureError, and ValueError for no pictures. One picture is taken and decoded at a time.
    """
    canvas = Image.new("RGB", GRID_SIZES_PX[aspect_ratio], "white")
    for picture, cell in zip(pictures, cells(len(pictures), canvas.size), strict=True):
        _draw(canvas, picture, cell, bench)
    buffer = io.BytesIO()
    # 4 ms at this size, where a PNG takes tens; without subsampling, fine coloured detail stays sharp.
    canvas.save(buffer, "JPEG", quality=90, subsampling=0)
    return PictureBytes(buffer.getvalue(), "image/jpeg")


def cells(count: int, size_px: tuple[int, int]) -> list[_Box]:
    """The first `count` cells of the grid, row by row; together they cover the picture without a gap.

    Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError("A grid needs at least one picture.")
    width, height = size_px
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    return [
        (
            width * (number % columns) // columns,
            height * (number // columns) // rows,
            width * (number % columns + 1) // columns,
            height * (number // columns + 1) // rows,
        )
        for number in range(count)
    ]


def _draw(canvas: Image.Image, picture: PictureBytes, cell: _Box, bench: Workbench) -> None:
    left, top, right, bottom = cell
    room = (right - left, bottom - top)
    with bench.opened(picture.data, lambda size_px: _fitted(size_px, room)) as opened:
        if orientation_of(opened) in LYING:
            fitted_px = _fitted(opened.size, room[::-1])
        else:
            fitted_px = _fitted(opened.size, room)
        # A JPEG is decoded at twice the cell's size where it is larger still: LANCZOS sees no difference.
        opened.draft(None, (2 * fitted_px[0], 2 * fitted_px[1]))
        opened.load()
        fitted = upright_rgb(opened, fitted_px)
    canvas.paste(fitted, (left + (room[0] - fitted.width) // 2, top + (room[1] - fitted.height) // 2))


def _fitted(size_px: Size, room_px: Size) -> Size:
    """The largest size of the same shape that has room."""
    scale = min(room_px[0] / size_px[0], room_px[1] / size_px[1])
    return max(1, round(size_px[0] * scale)), max(1, round(size_px[1] * scale))
