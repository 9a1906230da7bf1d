"""Tells from the first bytes what a file is, whatever its name says."""

READ = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF"

_MAGIC_BYTES: tuple[tuple[bytes, int, str], ...] = (
    # (bytes, offset, MIME type)
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"BM", 0, "image/bmp"),
    (b"II*\x00", 0, "image/tiff"),
    (b"MM\x00*", 0, "image/tiff"),
    (b"II+\x00", 0, "image/tiff"),  # BigTIFF
    (b"MM\x00+", 0, "image/tiff"),
)

_NAMED_STRANGERS: tuple[tuple[bytes, int, str], ...] = (
    (b"%PDF", 0, "a PDF document"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an XML document or SVG drawing"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
    (b"8BPS", 0, "a Photoshop document"),
    (b"\x00\x00\x00\x0cJXL ", 0, "a JPEG XL picture"),
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", 0, "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", 0, "a JPEG 2000 picture"),
    (b"\x00\x00\x01\x00", 0, "an icon"),
    (b"\x1aE\xdf\xa3", 0, "a video"),  # Matroska, WebM
    (b"AVI ", 8, "a video"),
    (b"moov", 4, "a video"),
    (b"PK\x03\x04", 0, "a ZIP archive"),
)

# Brands of ISO base media files (ISO/IEC 23008-12, AVIF 1.1). Pictures of both kinds also name `mif1`.
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_EITHER = {b"mif1", b"msf1", b"miaf", b"heif"}
_OTHER_MEDIA = {b"jxl ": "a JPEG XL picture", b"jp2 ": "a JPEG 2000 picture", b"crx ": "a raw photograph"}


class NotAPictureError(Exception):
    """The bytes are no picture quel reads; the message is a predicate: "is empty", "is a PDF document"."""


def mime_type_of(data: bytes) -> str | None:
    """The MIME type the first bytes tell, None for what is no picture format quel knows."""
    brands = _brands(data)
    if _AVIF & set(brands):
        return "image/avif"
    if (_HEIC | _EITHER) & set(brands) and brands[0] not in _OTHER_MEDIA:
        return "image/heic"
    return next((mime for magic, at, mime in _MAGIC_BYTES if data[at : at + len(magic)] == magic), None)


def stranger(data: bytes) -> str:
    """What bytes are that are no picture quel reads: "a PDF document"."""
    if brands := _brands(data):
        return next((_OTHER_MEDIA[brand] for brand in brands if brand in _OTHER_MEDIA), "a video")
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"<?", b"<!--")) and b"<svg" in data[:2048].lower():
        return "an SVG drawing"
    for start in (data[:64], head):
        for magic, at, name in _NAMED_STRANGERS:
            if start[at : at + len(magic)].lower() == magic.lower():
                return name
    return "something else"


def under_its_own_brand(data: bytes) -> bytes:
    """The file with the brand first by which Pillow's readers know it; they do not look at the others."""
    major = {"image/avif": b"avif", "image/heic": b"heic"}.get(mime_type_of(data) or "")
    if major is None or data[8:12] in _AVIF | _HEIC:
        return data
    return b"".join((data[:8], major, memoryview(data)[12:]))


def _brands(data: bytes) -> tuple[bytes, ...]:
    """The major brand and the compatible ones of an ISO base media file, none of anything else."""
    if data[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(data[:4]), 512)
    compatible = tuple(data[at : at + 4] for at in range(16, end - 3, 4))
    return (data[8:12], *compatible)
