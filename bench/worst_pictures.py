"""The costliest legal pictures of each format: as many pixels as are allowed, in few bytes.

Plain content, since the bytes of a reference are limited too; what a decoder allocates depends on the pixels.
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener(thumbnails=False)

Size = tuple[int, int]

_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}  # PNG colour type → samples a pixel (PNG 3, table 11.1)


def _encoded(mode: str, kind: str, **options: Any) -> Callable[[Size], bytes]:
    def encode(size_px: Size) -> bytes:
        picture = Image.new(mode, size_px, 90 if mode in ("P", "1") else None or 0)
        if mode in ("RGBA", "LA"):
            picture.putalpha(128)
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


def _sixteen_bit_png(colour_type: int) -> Callable[[Size], bytes]:
    """Pillow writes 16 bits for grey alone."""

    def encode(size_px: Size) -> bytes:
        width, height = size_px
        row = b"\x00" + b"\x40\x01" * (width * _SAMPLES[colour_type])
        header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
        body = (_chunk(b"IHDR", header), _chunk(b"IDAT", _deflated(row, height)), _chunk(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(body)

    return encode


def _interlaced_png(size_px: Size) -> bytes:
    """RGBA in Adam7, which Pillow does not write."""
    width, height = size_px
    # (first column, first row, columns apart, rows apart) of each pass: PNG 3, 8.2
    early = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4))
    passes = (*early, (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    compressor = zlib.compressobj(1)
    data = b""
    for left, top, across, down in passes:
        row = b"\x00" + b"\x40\x50\x60\x70" * -(-(width - left) // across)
        for _ in range(-(-(height - top) // down)):
            data += compressor.compress(row)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 1)
    body = (_chunk(b"IHDR", header), _chunk(b"IDAT", data + compressor.flush()), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _single_strip_tiff(samples: int) -> Callable[[Size], bytes]:
    """16 bits a sample, deflated in one strip: the whole picture in libtiff's buffer."""

    def encode(size_px: Size) -> bytes:
        width, height = size_px
        strip = _deflated(b"\x01\x40" * (width * samples), height)
        bits_at = 8 + 2 + 12 * 11 + 4
        bits = struct.pack(f"<{samples}H", *[16] * samples)
        tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, samples, bits_at), (259, 3, 1, 8)]
        tags += [(262, 3, 1, 2), (273, 4, 1, bits_at + len(bits)), (277, 3, 1, samples)]
        tags += [(278, 4, 1, height), (279, 4, 1, len(strip)), (284, 3, 1, 1), (338, 3, 1, 2)]
        directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        return b"II*\x00" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + bits + strip

    return encode


def _deflated(row: bytes, rows: int) -> bytes:
    compressor = zlib.compressobj(1)
    return b"".join(compressor.compress(row) for _ in range(rows)) + compressor.flush()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


_AVIF = {"speed": 10, "quality": 60}

WORST: dict[str, Callable[[Size], bytes]] = {
    "JPEG": _encoded("RGB", "JPEG", subsampling=0),
    "JPEG, progressive": _encoded("RGB", "JPEG", subsampling=0, progressive=True),
    "JPEG, progressive CMYK": _encoded("CMYK", "JPEG", subsampling=0, progressive=True),
    "PNG, RGB": _encoded("RGB", "PNG", compress_level=1),
    "PNG, RGBA": _encoded("RGBA", "PNG", compress_level=1),
    "PNG, RGBA interlaced": _interlaced_png,
    "PNG, RGBA 16 bit": _sixteen_bit_png(6),
    "PNG, grey 16 bit": _sixteen_bit_png(0),
    "PNG, grey with alpha": _encoded("LA", "PNG", compress_level=1),
    "PNG, palette": _encoded("P", "PNG", compress_level=1),
    "PNG, palette with transparency": _encoded("P", "PNG", compress_level=1, transparency=90),
    "WebP, lossy": _encoded("RGB", "WEBP", method=0),
    "WebP, lossy with alpha": _encoded("RGBA", "WEBP", method=0),
    "WebP, lossless with alpha": _encoded("RGBA", "WEBP", lossless=True, method=0),
    "GIF": _encoded("P", "GIF"),
    "GIF, transparent": _encoded("P", "GIF", transparency=90),
    "BMP, 1 bit": _encoded("1", "BMP"),
    "TIFF, RGBA": _encoded("RGBA", "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, RGBA 16 bit in one strip": _single_strip_tiff(4),
    "TIFF, CMYK": _encoded("CMYK", "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, Lab": _encoded("LAB", "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, float grey": _encoded("F", "TIFF", compression="tiff_adobe_deflate"),
    "AVIF": _encoded("RGB", "AVIF", subsampling="4:4:4", **_AVIF),
    "AVIF, with alpha": _encoded("RGBA", "AVIF", subsampling="4:4:4", **_AVIF),
    "HEIC": _encoded("RGB", "HEIF", quality=50, chroma=444),
    "HEIC, tiles": _encoded("RGB", "HEIF", quality=50, tile_size=512),
    "HEIC, with alpha": _encoded("RGBA", "HEIF", quality=50, chroma=444),
}
