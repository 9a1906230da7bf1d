"""Picks from a JPEG or PNG what decodes it, by whitelist and without encoding it anew.

Whatever else a file carries falls away: place and camera, comments, previews, a second picture, private
segments, a film behind the end marker.
"""

from quel.adapters.imaging.formats import mime_type_of, under_its_own_brand
from quel.adapters.imaging.jpeg_part import jpeg_part
from quel.adapters.imaging.part import Part
from quel.adapters.imaging.png_part import png_part


def to_read(data: bytes) -> Part:
    """What is read: what decodes the picture, its orientation, its colours. Raises NotAPictureError."""
    return _part(data, with_notes=True)


def to_send(data: bytes) -> Part:
    """What decodes a picture and nothing else. Raises NotAPictureError."""
    return _part(data, with_notes=False)


def _part(data: bytes, *, with_notes: bool) -> Part:
    match mime_type_of(data):
        case "image/jpeg":
            return jpeg_part(data, with_notes=with_notes)
        case "image/png":
            return Part(png_part(data, with_notes=with_notes))
        case _:
            return Part(under_its_own_brand(data))
