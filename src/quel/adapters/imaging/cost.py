"""What working on a picture takes at most, in bytes of memory, from its header alone.

Measured in fresh processes on pictures of 50 million pixels: `python -m bench decoding` repeats it, and says
whether each stays below its estimate. Pillow keeps RGB, RGBA and CMYK at 4 bytes a pixel.
"""

from PIL import Image

from quel.adapters.imaging.tiles import Size

# Bytes a pixel until the picture is decoded, its own included, for the costliest kind of each format.
_DECODING = {
    "PNG": 5,
    "BMP": 4,
    "GIF": 4,
    "JPEG": 4,
    "MPO": 4,
    "TIFF": 13,  # a picture may be one strip, at 16 bits a sample; and one may be turned while it is decoded
    "AVIF": 14,
    "HEIF": 13,
    "WEBP": 17,  # its decoder keeps two canvases for animations
}
_WAVES = 10  # a progressive JPEG's coefficients: 2 bytes each for up to four components, and the picture
_OTHER = 20

_FLAT = ("PNG", "GIF", "BMP")  # a palette, grey or black-and-white picture of theirs takes one byte a pixel

RESULT = 10  # bytes a pixel: RGB drawn, turned, and what the encoder holds
MASK_RESULT = 16  # the same with transparency, and a PNG that does not get smaller than its pixels
_FIXED_BYTES = 24_000_000  # tiles, tables, the decoder itself


def cost_bytes(picture: Image.Image, result_px: Size, result: int = RESULT) -> int:
    """For an opened picture that is not decoded yet, drawn at `result_px` at `result` bytes a pixel."""
    decoding = _DECODING.get(picture.format or "", _OTHER)
    if picture.format in _FLAT and picture.mode in ("1", "L", "P"):
        decoding = 1
    if picture.info.get("progressive"):
        decoding = _WAVES
    return picture.width * picture.height * decoding + result_px[0] * result_px[1] * result + _FIXED_BYTES
