"""Picks from a PNG the chunks that decode it, up to its end chunk (PNG 3, chapter 5)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME_BYTES = 12  # length, name and checksum around a chunk's body

_DECODING = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_NOTES = {b"iCCP": 3, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"cICP": 4, b"eXIf": 0}  # the least bytes each has
_PLAIN_XMP = b"XML:com.adobe.xmp\x00\x00"  # an orientation may stand here; compressed text is never unpacked


@dataclass(frozen=True)
class Chunk:
    """A chunk: its name, its body, and all its bytes as they stand in the file, none of them copied."""

    name: bytes
    body: memoryview
    whole: memoryview

    @property
    def is_intact(self) -> bool:
        """Whether it has the checksum that it names."""
        return self.whole[-4:] == zlib.crc32(self.body, zlib.crc32(self.name)).to_bytes(4)


def png_part(data: bytes, *, with_notes: bool) -> bytes:
    """The file's one picture, of an animation the still one. A broken chunk of notes falls away."""
    kept: list[bytes | memoryview] = [_SIGNATURE]
    previous, met = b"", set[bytes]()
    for chunk in png_chunks(data):
        # What goes on behind another chunk, or begins a second time, belongs to no picture.
        goes_on = chunk.name == previous == b"IDAT"
        decodes = chunk.name in _DECODING and (goes_on or chunk.name not in met)
        if decodes or (with_notes and _is_note(chunk) and chunk.is_intact):
            kept.append(chunk.whole)
        met.add(chunk.name)
        previous = chunk.name
    return b"".join(kept)


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """Up to the end chunk; what breaks off comes as far as it goes."""
    view = memoryview(data)
    at = len(_SIGNATURE)
    name = b""
    while at < len(data) and name != b"IEND":
        name = data[at + 4 : at + 8]
        end = at + int.from_bytes(data[at : at + 4]) + _FRAME_BYTES
        yield Chunk(name, view[at + 8 : end - 4], view[at:end])
        at = end


def colour_coding(data: bytes) -> tuple[int, ...] | None:
    """A PNG's cICP, which Pillow passes over: primaries, transfer, matrix, range, by H.273's numbers."""
    if not data.startswith(_SIGNATURE):
        return None
    found = next((chunk for chunk in png_chunks(data) if chunk.name in (b"cICP", b"IDAT")), None)
    return tuple(found.body) if found and found.name == b"cICP" and len(found.body) == 4 else None


def _is_note(chunk: Chunk) -> bool:
    if chunk.name in _NOTES:
        return len(chunk.body) >= _NOTES[chunk.name]
    return bool(chunk.name == b"iTXt" and chunk.body[: len(_PLAIN_XMP)] == _PLAIN_XMP)
