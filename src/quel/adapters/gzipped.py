"""Unpacks gzip and deflate within a bound: a small body may unpack to gigabytes."""

import zlib

_GZIP = b"\x1f\x8b"
_GZIP_OR_ZLIB = 47  # window bits: 15, and 32 to tell the two by their header
_RAW_DEFLATE = -15


class UnpackedTooLargeError(ValueError):
    """The body unpacks to more than was allowed."""


def is_gzipped(data: bytes) -> bool:
    """Whether the first bytes say so."""
    return data.startswith(_GZIP)


def unpacked(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """`data` as it was before the Content-Encoding `encoding`: "gzip", "x-gzip", "deflate" or "identity".

    What is only labelled gzip, and is none, comes back as it is. Raises UnpackedTooLargeError, or ValueError
    for what cannot be unpacked: another encoding, broken data, data cut off.
    """
    match encoding:
        case "" | "identity":
            return data
        case "gzip" | "x-gzip":
            return _inflate(data, _GZIP_OR_ZLIB, max_bytes) if is_gzipped(data) else data
        case "deflate":
            try:
                return _inflate(data, _GZIP_OR_ZLIB, max_bytes)
            except UnpackedTooLargeError:
                raise
            except ValueError:  # some servers leave the zlib header out
                return _inflate(data, _RAW_DEFLATE, max_bytes)
        case _:
            raise ValueError("The encoding is not one of those that are read.")


def _inflate(data: bytes, window_bits: int, max_bytes: int) -> bytes:
    decoder = zlib.decompressobj(window_bits)
    try:
        plain = decoder.decompress(data, max_bytes + 1)
    except zlib.error:
        raise ValueError("The data is not packed as its encoding says.") from None
    if len(plain) > max_bytes:
        raise UnpackedTooLargeError(f"It unpacks to more than {max_bytes} bytes.")
    if not decoder.eof:
        raise ValueError("The data is cut off.")
    return plain
