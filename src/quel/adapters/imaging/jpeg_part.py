"""Picks from a JPEG the segments that decode it, up to its end marker (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.part import Part

JPEG_END = b"\xff\xd9"

_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # neither a stuffed byte nor a restart

_START, _END, _SCAN, _EXTENSION = 0xD8, 0xD9, 0xDA, 0xC8
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Frame headers and Huffman tables (0xC0 to 0xCF), quantisation, number of lines, restart interval.
_DECODING = {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD} - {_EXTENSION}

_ONCE = (
    # (marker, how the segment begins, bytes of it that count, bytes in place of the rest)
    (_APP0, b"JFIF\x00", 12, b"\x00\x00"),  # a preview of no columns and no rows
    (_APP14, b"Adobe", 12, b""),
)
_NOTES = (
    # (marker, how the segment begins): orientation, the same in XMP, the colour profile in pieces
    (_APP1, b"Exif\x00\x00"),
    (_APP1, b"http://ns.adobe.com/xap/1.0/\x00"),
    (_APP2, b"ICC_PROFILE\x00"),
)


@dataclass(frozen=True)
class _Segment:
    marker: int
    body: memoryview
    scan: memoryview  # the coded data behind a scan header

    def begins(self, with_bytes: bytes) -> bool:
        return self.body[: len(with_bytes)] == with_bytes


def jpeg_part(data: bytes, *, with_notes: bool) -> Part:
    """The file's first picture. Raises NotAPictureError where it breaks off within a segment."""
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    once: set[int] = set()
    complete = False
    for segment in _segments(data):
        complete = segment.marker == _END
        if complete or segment.marker == _START:
            break
        body = segment.body if with_notes and _is_note(segment) else _essential(segment, once)
        if body is not None:
            kept += (b"\xff", bytes((segment.marker,)), (len(body) + 2).to_bytes(2), body, segment.scan)
    return Part(b"".join((*kept, JPEG_END)), complete)


def _segments(data: bytes) -> Iterator[_Segment]:
    view, at = memoryview(data), 2
    while found := _NEXT_MARKER.search(data, at):
        at = found.end()
        marker = found[1][0]
        if marker in (_START, _END):
            yield _Segment(marker, view[:0], view[:0])
            continue
        length = int.from_bytes(data[at : at + 2])
        if length < 2 or at + length > len(data):
            raise NotAPictureError("is damaged or cut off")
        body = view[at + 2 : at + length]
        at += length
        scan_end = at
        if marker == _SCAN:
            following = _NEXT_MARKER.search(data, at)
            scan_end = following.start() if following else len(data)
        yield _Segment(marker, body, view[at:scan_end])
        at = scan_end


def _essential(segment: _Segment, once: set[int]) -> bytes | memoryview | None:
    """What of the segment's body decodes the picture. JFIF and Adobe's note on colours count once."""
    if segment.marker == _SCAN or segment.marker in _DECODING:
        return segment.body
    for marker, begin, length, end in _ONCE:
        if segment.marker == marker and marker not in once and segment.begins(begin):
            once.add(marker)
            return bytes(segment.body[:length]).ljust(length, b"\x00") + end
    return None


def _is_note(segment: _Segment) -> bool:
    return any(segment.marker == marker and segment.begins(begin) for marker, begin in _NOTES)
