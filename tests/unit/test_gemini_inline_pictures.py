"""What goes onto the wire is what the SDK would have sent, and no picture is held a second time for it."""

import json
import tracemalloc
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator

import httpx
import pytest

from quel.adapters.gemini.inline_pictures import InlinePictures
from quel.core.outcome import PictureBytes

MB = 1024 * 1024
PICTURES = [
    PictureBytes(data, "image/png") for data in (b"\xff\xfe\xfb" * 200_000, b"", b"?", bytes(range(256)))
]


def request_for(words):
    parts = [{"inline_data": {"data": urlsafe_b64encode(word).decode()}} for word in words]
    body = json.dumps({"contents": {"parts": [*parts, {"text": "a mast"}]}}).encode()
    return httpx.Request("POST", "http://gemini.test/v1beta", content=body, headers={"x-goog-api-key": "k"})


def sent(request: httpx.Request) -> Iterator[bytes]:
    assert isinstance(request.stream, httpx.SyncByteStream)
    return iter(request.stream)


def test_each_picture_stands_where_its_word_stood():
    pictures = InlinePictures(PICTURES)
    request = pictures.put_into(request_for(pictures.words))
    body = b"".join(sent(request))
    *shown, text = json.loads(body)["contents"]["parts"]
    assert [urlsafe_b64decode(part["inline_data"]["data"]) for part in shown] == [p.data for p in PICTURES]
    assert text == {"text": "a mast"}
    assert int(request.headers["content-length"]) == len(body)
    assert request.headers["x-goog-api-key"] == "k"
    assert b"".join(sent(request)) == body


def test_a_request_without_pictures_goes_out_as_it_is():
    request = request_for([])
    assert InlinePictures([]).put_into(request) is request


@pytest.mark.parametrize(
    "change", [lambda words: words[1:], lambda words: words[::-1], lambda words: words * 2]
)
def test_a_request_that_does_not_name_each_picture_once_is_not_sent(change):
    pictures = InlinePictures(PICTURES)
    with pytest.raises(ValueError, match="every picture once"):
        pictures.put_into(request_for(change(pictures.words)))


def test_sending_takes_a_piece_of_memory_at_a_time():
    pictures = InlinePictures([PictureBytes(bytes(8 * MB), "image/png")])
    request = pictures.put_into(request_for(pictures.words))
    tracemalloc.start()
    size_bytes = sum(len(piece) for piece in sent(request))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size_bytes > 10 * MB
    assert peak_bytes < 2 * MB
