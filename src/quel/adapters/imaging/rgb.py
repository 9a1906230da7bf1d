"""Brings any decoded picture to upright 8-bit sRGB without transparency."""

import io
import math
import struct

from PIL import Image, ImageCms

from quel.adapters.imaging.opening import NotAPictureError

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

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) where there is none that can be read. Ask after decoding: Pillow
    turns TIFFs by itself while it decodes them."""
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, OSError, struct.error):
        return 1  # broken EXIF says nothing about the picture itself
    return orientation if orientation in _TURNS else 1


def upright_rgb(picture: Image.Image) -> Image.Image:
    """A decoded picture as mode RGB: upright, colours in sRGB, transparency on white, no metadata."""
    orientation = orientation_of(picture)
    profile = picture.info.get("icc_profile")
    flat = _on_white(_eight_bit(picture))
    flat = _srgb(flat, profile) if profile else flat
    if flat.mode != "RGB":
        flat = flat.convert("RGB")
    upright = flat.transpose(_TURNS[orientation]) if orientation != 1 else flat
    upright.info = {}  # some encoders write what they find here, a JPEG's comment for one
    return upright


def _eight_bit(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys scaled to 8 bits; Pillow's own convert would clip them to white."""
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        return picture
    ceiling = 65535.0
    if picture.mode in ("I", "F"):
        brightest = float(picture.getextrema()[1])  # type: ignore[arg-type]  # one band: two numbers
        if not math.isfinite(brightest):
            raise NotAPictureError("has brightness values that are no numbers")
        usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (65535.0,)
        ceiling = next((limit for limit in usual if brightest <= limit), brightest)
    linear = picture if picture.mode == "F" else picture.convert("I")
    return linear.point(lambda value: value * (255 / ceiling)).convert("L")


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    if picture.mode == "La":
        picture = picture.convert("LA")
    rgba = picture.convert("RGBA")
    flat = Image.new("RGB", rgba.size, "white")
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat


def _srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """RGB and CMYK by their profile; anything else, and a profile that cannot be used, as it is."""
    if picture.mode not in ("RGB", "CMYK"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # a broken profile: the numbers themselves are the best guess
    return converted or picture
