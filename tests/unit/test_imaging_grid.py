"""Several references become one picture at the size of the job's aspect ratio."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quel.adapters.imaging import PillowImaging
from quel.adapters.imaging.grid import cells
from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.errors import ReferenceUnavailable
from quel.core.outcome import PictureBytes

IMAGING = PillowImaging()
SQUARE = AspectRatio(1, 1)


def picture(colour, size=(200, 100), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return PictureBytes(buffer.getvalue(), f"image/{kind.lower()}")


def drawn(pictures, ratio=SQUARE):
    result = IMAGING.grid(pictures, ratio)
    grid = Image.open(io.BytesIO(result.data))
    grid.load()
    assert (result.mime_type, grid.format, grid.mode) == ("image/jpeg", "JPEG", "RGB")
    return grid


def near(colour, wanted):
    return all(abs(a - b) <= 6 for a, b in zip(colour, wanted, strict=True))


@pytest.mark.parametrize("ratio", list(GRID_SIZES_PX), ids=str)
def test_a_grid_has_exactly_the_size_of_the_ratio(ratio):
    assert drawn([picture("red"), picture("blue")], ratio).size == GRID_SIZES_PX[ratio]


@pytest.mark.parametrize(
    ("count", "columns", "rows"),
    [(1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 3, 2), (9, 3, 3), (10, 4, 3)],
)
def test_columns_are_the_rounded_up_root_of_the_count(count, columns, rows):
    boxes = cells(count, (1200, 600))
    assert len(boxes) == count
    assert len({left for left, *_ in boxes}) == min(columns, count)
    assert len({top for _, top, *_ in boxes}) == rows


def test_pictures_stand_in_the_order_given_row_by_row():
    colours = [(254, 0, 0), (0, 128, 0), (0, 0, 254), (254, 254, 0)]
    grid = drawn([picture(colour) for colour in colours])
    centres = [(256, 256), (768, 256), (256, 768), (768, 768)]
    assert all(near(grid.getpixel(at), colour) for at, colour in zip(centres, colours, strict=True))


def test_a_picture_keeps_its_shape_centred_on_white():
    grid = drawn([picture("red", (400, 100)), picture("blue", (100, 400))])
    assert near(grid.getpixel((256, 512)), (254, 0, 0))
    assert near(grid.getpixel((256, 512 + 60)), (254, 0, 0))
    assert near(grid.getpixel((256, 512 + 72)), (255, 255, 255))
    assert near(grid.getpixel((768, 20)), (0, 0, 254))
    assert near(grid.getpixel((520, 512)), (255, 255, 255))


def test_an_empty_cell_stays_white():
    assert near(drawn([picture("red")] * 3).getpixel((768, 768)), (255, 255, 255))


def test_a_large_jpeg_is_drawn_as_well_as_a_small_one():
    grid = drawn([picture("red", (3000, 3000), "JPEG"), picture("blue", (30, 30), "JPEG")])
    assert near(grid.getpixel((256, 512)), (254, 0, 0))
    assert near(grid.getpixel((768, 512)), (0, 0, 254))


def test_a_grid_of_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        IMAGING.grid([], SQUARE)


def test_a_picture_that_cannot_be_read_is_refused():
    with pytest.raises(ReferenceUnavailable, match="A picture of the grid"):
        IMAGING.grid([picture("red"), PictureBytes(b"no picture", "image/png")], SQUARE)


@given(st.integers(1, 60), st.sampled_from(list(GRID_SIZES_PX.values())))
def test_cells_never_overlap_or_leave_the_picture(count, size):
    boxes = cells(count, size)
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    assert area <= size[0] * size[1]
    assert all(
        0 <= left < right <= size[0] and 0 <= top < bottom <= size[1] for left, top, right, bottom in boxes
    )
    for n, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[n + 1 :]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
