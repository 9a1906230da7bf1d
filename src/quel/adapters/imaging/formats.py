"""Tells from the first bytes what a file is, whatever its name says."""

_MAGIC_BYTES: tuple[tuple[bytes, int, str], ...] = (
    # (bytes, offset, MIME type)
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"BM", 0, "image/bmp"),
    (b"II*\x00", 0, "image/tiff"),
    (b"MM\x00*", 0, "image/tiff"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypavis", 4, "image/avif"),
)

_NAMED_STRANGERS: tuple[tuple[bytes, int, str], ...] = (
    (b"%PDF", 0, "a PDF document"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an XML document or SVG drawing"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
    (b"ftyphei", 4, "a HEIC photograph"),
    (b"ftypmif1", 4, "a HEIC photograph"),
)


class NotAPictureError(Exception):
    """The bytes are no picture quel reads; the message is a predicate: "is empty", "is a PDF document"."""


def mime_type_of(data: bytes) -> str | None:
    """The MIME type the first bytes tell, None for what is no picture format quel knows."""
    return next((mime for magic, at, mime in _MAGIC_BYTES if data[at : at + len(magic)] == magic), None)


def stranger(data: bytes) -> str:
    """What bytes are that are no picture quel reads: "a PDF document"."""
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, at, name in _NAMED_STRANGERS:
        if head[at : at + len(magic)].lower() == magic.lower():
            return name
    return "something else"
