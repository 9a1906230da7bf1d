"""A provider's answer becomes WebP without metadata, and is checked before that."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageChops, ImageStat

from quel.adapters.imaging import PillowImaging, Workbench, check_readable
from quel.core.errors import UnreadablePicture
from quel.sandbox.studio import PHOTOGRAPHS

IMAGING = PillowImaging()


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photograph(size=(320, 180)):
    return Image.merge("RGB", [Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90, 180)])


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_any_answer_becomes_a_webp_of_its_size(kind):
    result = opened(IMAGING.to_webp(encoded(photograph(), kind)))
    assert (result.format, result.mode, result.size) == ("WEBP", "RGB", (320, 180))


def test_the_webp_looks_like_the_answer():
    result = opened(IMAGING.to_webp(encoded(photograph())))
    assert max(ImageStat.Stat(ImageChops.difference(result, photograph())).mean) < 3


def loss(picture, original):
    """The mean squared error a channel."""
    return sum(each**2 for each in ImageStat.Stat(ImageChops.difference(picture, original)).rms) / 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_webp_loses_what_quality_90_loses_whatever_the_answer_was(kind):
    with Image.open(PHOTOGRAPHS / "chelsea.png") as chelsea:
        answer = encoded(chelsea.convert("RGB"), kind, quality=98)
    original = opened(answer)
    losses = {
        quality: loss(opened(encoded(original, "WEBP", quality=quality)), original)
        for quality in range(40, 101, 5)
    }
    result = loss(opened(IMAGING.to_webp(answer)), original)
    assert min(losses, key=lambda quality: abs(losses[quality] - result)) == 90


def test_metadata_is_stripped():
    exif = Image.Exif()
    exif[0x010E] = "a description of the prompt"
    data = encoded(photograph(), "PNG", exif=exif)
    assert b"a description" in data
    result = IMAGING.to_webp(data)
    assert b"a description" not in result
    assert not opened(result).getexif()


def test_transparency_becomes_white():
    see_through = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    assert min(opened(IMAGING.to_webp(encoded(see_through))).getpixel((16, 16))) > 250


@pytest.mark.parametrize(
    "data", [b"", b"no picture", encoded(photograph())[:-30], encoded(photograph(), "JPEG")[:900]]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(UnreadablePicture, match=r"^The provider's picture .*\.$"):
        IMAGING.to_webp(data)
    with pytest.raises(UnreadablePicture, match=r"^The provider's picture .*\.$"):
        check_readable(data)


def test_too_many_pixels_are_refused():
    data = encoded(photograph((101, 100)))
    with pytest.raises(UnreadablePicture, match="101×100"):
        PillowImaging(Workbench(max_pixels=10_000)).to_webp(data)
    with pytest.raises(UnreadablePicture, match="101×100"):
        check_readable(data, Workbench(max_pixels=10_000))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_readable_answer_is_named_by_its_content(kind):
    assert check_readable(encoded(photograph(), kind)) == f"image/{kind.lower()}"


def test_flipped_bits_in_a_png_are_found():
    data = bytearray(encoded(Image.effect_noise((200, 200), 90).convert("RGB")))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(UnreadablePicture):
        check_readable(bytes(data))


def test_threads_that_share_the_imaging_get_their_own_pictures():
    colours = [(n * 8, 255 - n * 8, 128) for n in range(24)]
    answers = [encoded(Image.new("RGB", (64, 64), colour)) for colour in colours]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(IMAGING.to_webp, answers))
    for colour, result in zip(colours, results, strict=True):
        assert all(abs(a - b) <= 4 for a, b in zip(opened(result).getpixel((32, 32)), colour, strict=True))
