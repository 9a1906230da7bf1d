"""The ground that the simulators draw on."""

from PIL import Image

Colour = tuple[int, ...]


def gradient(size_px: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """A picture that goes from one colour to another, row by row: one column, made wide, which is cheap."""
    column = (1, size_px[1])
    slope = Image.linear_gradient("L").resize(column)
    narrow = Image.composite(Image.new("RGB", column, bottom), Image.new("RGB", column, top), slope)
    return narrow.resize(size_px, Image.Resampling.NEAREST)
