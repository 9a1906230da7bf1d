"""Draws several references as one picture: ⌈√n⌉ columns on white, at the size of an aspect ratio."""

import io
import math

from PIL import Image, ImageOps

from quel.adapters.imaging.opening import open_picture, pillow_errors
from quel.adapters.imaging.rgb import upright_rgb
from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.outcome import PictureBytes

_Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def grid_picture(pictures: list[PictureBytes], aspect_ratio: AspectRatio, max_pixels: int) -> PictureBytes:
    """One JPEG, exactly GRID_SIZES_PX[aspect_ratio], the pictures row by row in the order given.

    Raises NotAPictureError, and ValueError for no pictures. One picture is decoded at a time.
    """
    canvas = Image.new("RGB", GRID_SIZES_PX[aspect_ratio], "white")
    for picture, cell in zip(pictures, cells(len(pictures), canvas.size), strict=True):
        _draw(canvas, picture, cell, max_pixels)
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


def _draw(canvas: Image.Image, picture: PictureBytes, cell: _Box, max_pixels: int) -> None:
    left, top, right, bottom = cell
    width, height = right - left, bottom - top
    with open_picture(picture.data, max_pixels) as opened, pillow_errors():
        # A JPEG is decoded at twice the cell's size where it is larger still: LANCZOS sees no difference.
        shrink = min(1.0, 2 * max(width / opened.width, height / opened.height))
        opened.draft(None, (math.ceil(opened.width * shrink), math.ceil(opened.height * shrink)))
        opened.load()
        fitted = ImageOps.contain(upright_rgb(opened), (width, height), Image.Resampling.LANCZOS)
    canvas.paste(fitted, (left + (width - fitted.width) // 2, top + (height - fitted.height) // 2))
