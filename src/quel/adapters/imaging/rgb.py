"""Brings any decoded picture to upright 8-bit sRGB, without transparency or with it."""

import math
import struct

from PIL import Image

from quel.adapters.imaging.colours import GREYS, to_srgb
from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.tiles import Change, Size, drawn

_ORIENTATION_TAG = 0x0112  # EXIF 2.3, 4.6.4 A

_TURNS = {
    # EXIF orientation → what makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)
"""The orientations in which width and height are swapped."""


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where there is none that can be read. Ask after decoding: Pillow
    turns TIFFs by itself while it decodes them."""
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, OSError, struct.error):
        return 1  # broken EXIF says nothing about the picture itself
    return orientation if orientation in _TURNS else 1


def upright_rgb(picture: Image.Image, size_px: Size | None = None) -> Image.Image:
    """A decoded picture as mode RGB: upright, colours in sRGB, transparency on white, no metadata.

    `size_px` is its size before it is turned upright, its own by default. Costs memory for the result, twice
    where it is turned; a picture with nothing to do is handed back itself.
    """
    orientation = orientation_of(picture)
    size_px = size_px or picture.size
    flat, conversion = picture, to_srgb(picture)
    if picture.mode != "RGB" or picture.has_transparency_data or conversion or size_px != picture.size:
        flat = drawn(picture, size_px, _plain(picture), conversion or _as_it_is)
    upright = flat.transpose(_TURNS[orientation]) if orientation != 1 else flat
    upright.info = {}  # some encoders write what they find here, a JPEG's comment for one
    return upright


def upright_rgba(picture: Image.Image, size_px: Size) -> Image.Image:
    """As `upright_rgb`, with the picture's transparency as it is; one that has none is opaque everywhere."""
    orientation = orientation_of(picture)
    eight_bit, conversion = _eight_bit(picture), to_srgb(picture) or _as_it_is

    def plain(tile: Image.Image) -> Image.Image:
        tile = eight_bit(tile)
        return tile if tile.mode == "CMYK" else _straight(tile).convert("RGBA")

    def finish(tile: Image.Image) -> Image.Image:
        coloured = conversion(tile).convert("RGBA")
        if tile.mode == "RGBA":
            coloured.putalpha(tile.getchannel("A"))
        return coloured

    layer = drawn(picture, size_px, plain, finish, "RGBA")
    return layer.transpose(_TURNS[orientation]) if orientation != 1 else layer


def _straight(tile: Image.Image) -> Image.Image:
    """Grey whose light was multiplied by its alpha, as every other mode has it."""
    return tile.convert("LA") if tile.mode == "La" else tile


def _plain(picture: Image.Image) -> Change:
    """Makes a tile of the picture 8 bits deep, without transparency or palette."""
    eight_bit = _eight_bit(picture)
    see_through = picture.has_transparency_data

    def plain(tile: Image.Image) -> Image.Image:
        tile = eight_bit(tile)
        if see_through:
            return _on_white(tile)
        return tile if tile.mode in ("RGB", "L", "CMYK") else tile.convert("RGB")

    return plain


def _eight_bit(picture: Image.Image) -> Change:
    """Scales 16-bit, 32-bit and float greys to 8 bits; Pillow's own convert would clip them to white."""
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        return lambda tile: tile
    ceiling = 65535.0
    if picture.mode in ("I", "F"):
        brightest = float(picture.getextrema()[1])  # type: ignore[arg-type]  # one band: two numbers
        if not math.isfinite(brightest):
            raise NotAPictureError("has brightness values that are no numbers")
        usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (65535.0,)
        ceiling = next((limit for limit in usual if brightest <= limit), brightest)

    def scaled(tile: Image.Image) -> Image.Image:
        linear = tile if tile.mode == "F" else tile.convert("I")
        return linear.point(lambda value: value * (255 / ceiling)).convert("L")

    return scaled


def _on_white(tile: Image.Image) -> Image.Image:
    """Grey stays grey, so that a profile for greys still fits."""
    tile = _straight(tile)
    mode, with_alpha = ("L", "LA") if tile.mode in GREYS else ("RGB", "RGBA")
    layered = tile.convert(with_alpha)
    flat = Image.new(mode, layered.size, "white")
    flat.paste(layered.convert(mode), mask=layered.getchannel("A"))
    return flat


def _as_it_is(tile: Image.Image) -> Image.Image:
    return tile if tile.mode == "RGB" else tile.convert("RGB")
