"""Converts a picture's colours to sRGB by what the picture says of them: a profile, or numbers.

What says nothing that can be used is taken for sRGB: the numbers themselves are the best guess.
"""

import io
from collections.abc import Iterator
from itertools import product

from PIL import Image, ImageCms

from quel.adapters.imaging.rgb_profile import RgbSpace, profile_bytes
from quel.adapters.imaging.tiles import Change

GREYS = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_MOST_PROFILE_BYTES = 8 * 1024 * 1024  # a printer's with its tables has 3 MB
_SAME = 2  # a profile that moves no colour by more steps of 255 is sRGB under whatever name

_D65 = (0.3127, 0.329)
_BT_709 = (_D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
_PRIMARIES = {
    # ITU-T H.273, table 2: white, red, green, blue
    1: _BT_709,
    9: (_D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    12: (_D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
_GAMMAS = {
    # ITU-T H.273, table 3; None is sRGB's curve, which screens also use for BT.709's
    **dict.fromkeys((1, 6, 13, 14, 15)),
    4: 2.2,
    5: 2.8,
    8: 1.0,
}
_SRGB_GAMMA = (0.42, 0.49)  # files say 1/2.2 for sRGB's curve


def to_srgb(picture: Image.Image) -> Change | None:
    """What makes mode RGB in sRGB of a tile in mode L, RGB or CMYK; None where nothing is to be converted."""
    for profile in _profiles(picture):
        try:
            return _conversion(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
            continue  # broken, or for pictures of another kind
    return None


def _profiles(picture: Image.Image) -> Iterator[bytes]:
    """What the picture says of its colours, the most binding first (PNG 3, 4.3; HEIF: a profile first)."""
    info = picture.info
    if coding := info.get("cicp"):
        yield from _of_space(_coded_space(coding[0], coding[1]))
    profile = info.get("icc_profile")
    if isinstance(profile, bytes) and 128 < len(profile) <= _MOST_PROFILE_BYTES:
        yield profile
    elif nclx := info.get("nclx_profile"):
        yield from _of_space(_coded_space(nclx["color_primaries"], nclx["transfer_characteristics"]))
    if "srgb" not in info and ("gamma" in info or "chromaticity" in info):
        yield from _of_space(_space_of_numbers(info.get("gamma"), info.get("chromaticity")))


def _of_space(space: RgbSpace | None) -> Iterator[bytes]:
    try:
        if space:
            yield profile_bytes(space)
    except ValueError:
        return


def _coded_space(primaries: int, transfer: int) -> RgbSpace | None:
    """None for what is unspecified, and for HDR curves, which no matrix brings to a screen."""
    if primaries not in _PRIMARIES or transfer not in _GAMMAS:
        return None
    return RgbSpace(*_PRIMARIES[primaries], _GAMMAS[transfer])


def _space_of_numbers(gamma: float | None, points: tuple[float, ...] | None) -> RgbSpace | None:
    """From PNG's gAMA (an exponent that makes values of light) and cHRM."""
    least, most = _SRGB_GAMMA
    is_usual = gamma is None or least < gamma < most
    if not is_usual and not 0.1 <= (gamma or 0) <= 4:
        return None
    white, red, green, blue = zip(points[::2], points[1::2], strict=True) if points else _BT_709
    return RgbSpace(white, red, green, blue, None if is_usual or gamma is None else 1 / gamma)


def _conversion(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Change | None:
    """Raises ValueError for a profile of another kind of picture, PyCMSError for a broken one."""
    mode, space = picture.mode, source.profile.xcolor_space.strip()
    if space == "GRAY" and (mode in GREYS or picture.info.get("is_grey")):
        tiles = "L"
    elif space == "RGB" and mode not in ("CMYK", "LAB"):
        tiles = "RGB"
    elif space == "CMYK" and mode == "CMYK":
        tiles = "CMYK"
    else:
        raise ValueError(f"A profile for {space} says nothing about {mode}.")
    transform = ImageCms.buildTransform(source, _SRGB, tiles, "RGB")

    def convert(tile: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(tile if tile.mode == tiles else tile.convert(tiles), transform)
        return converted or tile

    return None if tiles != "CMYK" and _changes_nothing(convert, tiles) else convert


def _changes_nothing(convert: Change, mode: str) -> bool:
    sample = _every_colour().convert(mode)
    before, after = sample.convert("RGB").tobytes(), convert(sample).tobytes()
    return all(abs(a - b) <= _SAME for a, b in zip(before, after, strict=True))


def _every_colour() -> Image.Image:
    levels = [*range(0, 256, 16), 255]
    colours = bytes(value for colour in product(levels, repeat=3) for value in colour)
    return Image.frombytes("RGB", (len(levels) ** 2, len(levels)), colours)
