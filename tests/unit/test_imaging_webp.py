"""A provider's answer becomes WebP with quel's own notes and no others, and is checked before that."""

import io
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from quel.adapters.imaging import PillowImaging, Workbench, check_readable
from quel.adapters.imaging.rgb_profile import RgbSpace, profile_bytes
from quel.core.errors import UnreadablePicture
from quel.core.provenance import DigitalSourceType, source_type
from quel.sandbox.studio import PHOTOGRAPHS

IMAGING = PillowImaging()

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DIGITAL_SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
DISPLAY_P3 = RgbSpace((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))


def to_webp(data, source_type=DigitalSourceType.GENERATED):
    return IMAGING.to_webp(data, source_type)


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
    result = opened(to_webp(encoded(photograph(), kind)))
    assert (result.format, result.mode, result.size) == ("WEBP", "RGB", (320, 180))


def test_the_webp_looks_like_the_answer():
    result = opened(to_webp(encoded(photograph())))
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
    result = loss(opened(to_webp(answer)), original)
    assert min(losses, key=lambda quality: abs(losses[quality] - result)) == 90


def test_metadata_is_stripped():
    exif = Image.Exif()
    exif[0x010E] = "a description of the prompt"
    data = encoded(photograph(), "PNG", exif=exif)
    assert b"a description" in data
    result = to_webp(data)
    assert b"a description" not in result
    assert not opened(result).getexif()


@pytest.mark.parametrize(
    ("references_shown", "says"),
    [(0, "/trainedAlgorithmicMedia"), (1, "/compositeWithTrainedAlgorithmicMedia")],
)
def test_a_delivered_picture_says_how_it_came_to_be(references_shown, says):
    result = to_webp(encoded(photograph()), source_type(references_shown))
    packet = ElementTree.fromstring(opened(result).info["xmp"])
    notes = next(packet.iter(f"{RDF}Description"))
    assert notes.get(DIGITAL_SOURCE_TYPE) == f"http://cv.iptc.org/newscodes/digitalsourcetype{says}"


def test_a_delivered_picture_carries_srgb_in_a_thousand_bytes():
    result = to_webp(encoded(photograph()), DigitalSourceType.GENERATED_WITH_REFERENCES)
    profile = opened(result).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    bare = encoded(photograph(), "WEBP", quality=90, method=2)
    assert len(result) - len(bare) < 1200
    assert to_webp(encoded(photograph()), DigitalSourceType.GENERATED_WITH_REFERENCES) == result


def test_colours_are_those_of_the_profile_once():
    wide = encoded(Image.new("RGB", (32, 32), (200, 60, 60)), icc_profile=profile_bytes(DISPLAY_P3))
    red, green, blue = opened(to_webp(wide)).getpixel((16, 16))
    assert red > 205
    assert max(green, blue) < 60


def test_transparency_becomes_white():
    see_through = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    assert min(opened(to_webp(encoded(see_through))).getpixel((16, 16))) > 250


@pytest.mark.parametrize(
    "data", [b"", b"no picture", encoded(photograph())[:-30], encoded(photograph(), "JPEG")[:900]]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(UnreadablePicture, match=r"^The provider's picture .*\.$"):
        to_webp(data)
    with pytest.raises(UnreadablePicture, match=r"^The provider's picture .*\.$"):
        check_readable(data)


def test_too_many_pixels_are_refused():
    data = encoded(photograph((101, 100)))
    with pytest.raises(UnreadablePicture, match="101×100"):
        PillowImaging(Workbench(max_pixels=10_000)).to_webp(data, DigitalSourceType.GENERATED)
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
        results = list(threads.map(to_webp, answers))
    for colour, result in zip(colours, results, strict=True):
        assert all(abs(a - b) <= 4 for a, b in zip(opened(result).getpixel((32, 32)), colour, strict=True))
