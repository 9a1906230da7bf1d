"""Puts the pictures of a call into its request while it is being sent.

The SDK would hold each several times over, as base64, as JSON and as bytes. So it is given a word in place of
each picture, and where the word stands in its request the picture goes onto the wire, a piece at a time.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from secrets import token_bytes

import httpx

from quel.core.outcome import PictureBytes

_WORD_BYTES = 24  # in base64 without padding, and never met by chance
_PIECE_BYTES = 192 * 1024  # in base64 without padding


class InlinePictures:
    """The pictures of one request in the order they are sent."""

    def __init__(self, pictures: Sequence[PictureBytes]) -> None:
        self._pictures = tuple(pictures)
        self.words = tuple(token_bytes(_WORD_BYTES) for _ in pictures)
        """The bytes that stand for each picture."""

    def put_into(self, request: httpx.Request) -> httpx.Request:
        """The request with the pictures in place of their words. Raises ValueError where one is missing."""
        if not self._pictures:
            return request
        spoken = [urlsafe_b64encode(word) for word in self.words]
        text, anyone = request.read(), b"|".join(spoken)
        if re.findall(anyone, text) != spoken:
            raise ValueError("The request does not name every picture once, in their order.")
        between = re.split(anyone, text)
        body = _Body(between, self._pictures)
        headers = httpx.Headers(request.headers)
        headers["content-length"] = str(body.size_bytes)
        return httpx.Request(
            request.method, request.url, headers=headers, stream=body, extensions=request.extensions
        )


class _Body(httpx.SyncByteStream):
    """Text, picture, text, picture, … text."""

    def __init__(self, between: Sequence[bytes], pictures: Sequence[PictureBytes]) -> None:
        self._between = between
        self._pictures = pictures

    @property
    def size_bytes(self) -> int:
        in_base64 = sum((len(picture.data) + 2) // 3 * 4 for picture in self._pictures)
        return sum(map(len, self._between)) + in_base64

    def __iter__(self) -> Iterator[bytes]:
        for text, picture in zip(self._between, self._pictures, strict=False):
            yield text
            view = memoryview(picture.data)
            for at in range(0, len(view), _PIECE_BYTES):
                yield urlsafe_b64encode(view[at : at + _PIECE_BYTES])
        yield self._between[-1]
