"""Colours arrive as the picture means them, in every mode; a profile that is broken or beside the point harms
nothing.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from quel.adapters.imaging import PillowImaging
from quel.adapters.imaging.colours import to_srgb
from quel.adapters.imaging.rgb_profile import RgbSpace, profile_bytes
from tests.unit.test_imaging_reference import encoded, near, opened
from tests.unit.test_imaging_whitelist import chunk

IMAGING = PillowImaging()
PICTURES = Path(__file__).with_name("pictures")
CORNERS = [(220, 30, 30), (30, 180, 40), (30, 40, 210), (240, 220, 30)]  # row by row

D65 = (0.3127, 0.329)
BT_709 = (D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
PRO_PHOTO = ((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
SRGB = RgbSpace(*BT_709)
SPACES = {
    "Display P3": RgbSpace(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "ProPhoto": RgbSpace(*PRO_PHOTO, gamma=1.8),
    "linear": RgbSpace(*BT_709, gamma=1.0),
}


def icc(space):
    return ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes(space)))


def four_corners():
    picture = Image.new("RGB", (48, 32))
    for colour, at in zip(CORNERS, ((0, 0), (24, 0), (0, 16), (24, 16)), strict=True):
        picture.paste(colour, (*at, at[0] + 24, at[1] + 16))
    return picture


def in_space(space):
    """The four corners, written in the numbers of another space."""
    return ImageCms.profileToProfile(four_corners(), ImageCms.createProfile("sRGB"), icc(space))


def corners_of(picture):
    right, bottom = picture.width - 6, picture.height - 6
    return [picture.getpixel(at) for at in ((5, 5), (right, 5), (5, bottom), (right, bottom))]


def arrives(data, colours=CORNERS):
    picture = opened(IMAGING.normalise(data))
    assert "icc_profile" not in picture.info
    return all(near(colour, wanted, 8) for colour, wanted in zip(corners_of(picture), colours, strict=True))


@pytest.mark.parametrize(
    "name",
    [
        *("heic_brand_msf1.heif", "avif_major_mif1.avif", "linear_srgb_gimp.png", "palette_prophoto.png"),
        *("jpeg_no_eoi.jpg", "png_bad_crc_text.png", "png_itxt_2mb.png", "bigtiff.tif"),
    ],
)
def test_pictures_as_people_have_them_keep_their_colours(name):
    assert arrives((PICTURES / name).read_bytes())


def test_a_phones_50_megapixels_pass_the_default_limit():
    assert opened(IMAGING.normalise((PICTURES / "phone_50mp_8160x6144.jpg").read_bytes())).width == 3072


def test_a_phones_heic_is_turned_as_its_container_says():
    red, green, blue, yellow = CORNERS
    assert arrives((PICTURES / "heic_o6.heic").read_bytes(), [blue, red, yellow, green])


def test_a_profile_of_more_than_a_megabyte_is_read():
    data = (PICTURES / "png_icc_1400k.png").read_bytes()  # the corners' numbers, in Display P3
    assert arrives(data, [(240, 0, 0), (0, 185, 0), (21, 35, 220), (244, 220, 0)])


def test_a_grey_jpeg_is_converted_by_its_grey_profile():
    picture = opened(IMAGING.normalise((PICTURES / "gray_linear.jpg").read_bytes()))
    assert near(picture.getpixel((5, 5)), (87, 87, 87))


@pytest.mark.parametrize("space", ["Display P3", "ProPhoto"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_colours_are_converted_in_every_format(space, kind):
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    profile = profile_bytes(SPACES[space])
    assert arrives(encoded(in_space(SPACES[space]), kind, icc_profile=profile, **options.get(kind, {})))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("mode", ["P", "RGBA", "PA"])
def test_colours_are_converted_in_every_colour_mode(space, mode):
    picture = in_space(SPACES[space])
    if mode == "RGBA":
        picture.putalpha(255)
    else:
        picture = picture.quantize(8, dither=Image.Dither.NONE)
    transparency = {"transparency": 7} if mode == "PA" else {}
    assert arrives(encoded(picture, "PNG", icc_profile=profile_bytes(SPACES[space]), **transparency))


def grey_profile(gamma):
    """An ICC profile for greys with one exponent."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1, 0.8249)))
    at = 128 + 4 + 24
    table = struct.pack(">I4sII4sII", 2, b"wtpt", at, len(white), b"kTRC", at + len(white), len(curve))
    size = at + len(white) + len(curve)
    header = struct.pack(">II4s4s4s4s", size, 0, b"\x02\x40\x00\x00", b"mntr", b"GRAY", b"XYZ ")
    return header + bytes(12) + b"acsp" + bytes(28) + white[8:] + bytes(48) + table + white + curve


LINEAR = {"for greys": grey_profile(1.0), "for colours": profile_bytes(SPACES["linear"])}
GREYS = {
    "L": Image.new("L", (32, 32), 87),
    "LA": Image.new("LA", (32, 32), (87, 255)),
    "I;16": Image.new("I;16", (32, 32), 87 * 257),
    "P": Image.new("L", (32, 32), 87).convert("P"),
}


@pytest.mark.parametrize("mode", GREYS)
@pytest.mark.parametrize("profile", LINEAR)
def test_greys_are_converted_by_profiles_for_greys_and_for_colours(mode, profile):
    picture = opened(IMAGING.normalise(encoded(GREYS[mode], "PNG", icc_profile=LINEAR[profile])))
    fits = (mode, profile) != ("P", "for greys")  # a palette holds colours
    assert near(picture.getpixel((9, 9)), (158,) * 3 if fits else (87,) * 3)  # 0.341 of the light


def test_deep_transparent_greys_are_converted_by_a_profile_for_greys():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 4, 0, 0, 0))
    profile = chunk(b"iCCP", b"grey\0\0" + zlib.compress(LINEAR["for greys"]))
    rows = (b"\0" + struct.pack(">HH", 87 * 257, 65535) * 16) * 16
    data = b"\x89PNG\r\n\x1a\n" + header + profile + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert near(opened(IMAGING.normalise(data)).getpixel((9, 9)), (158,) * 3)


@pytest.mark.parametrize("profile", LINEAR)
def test_black_and_white_stay_what_they_are(profile):
    picture = Image.new("1", (32, 32))
    picture.paste(1, (0, 0, 16, 32))
    result = opened(IMAGING.normalise(encoded(picture, "PNG", icc_profile=LINEAR[profile])))
    assert near(result.getpixel((4, 9)), (255, 255, 255))
    assert near(result.getpixel((28, 9)), (0, 0, 0))


def test_a_transparent_grey_is_white_under_a_profile_for_greys():
    picture = Image.new("LA", (32, 32), (87, 0))
    result = opened(IMAGING.normalise(encoded(picture, "PNG", icc_profile=LINEAR["for greys"])))
    assert near(result.getpixel((9, 9)), (255, 255, 255))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_with_a_profile_for_other_pictures_is_converted_plainly(kind):
    data = encoded(four_corners().convert("CMYK"), kind, icc_profile=profile_bytes(SPACES["linear"]))
    assert arrives(data)


def test_a_colour_picture_with_a_profile_for_greys_keeps_its_numbers():
    data = encoded(four_corners(), icc_profile=grey_profile(1.0))
    assert IMAGING.normalise(data).data == encoded(four_corners())


@pytest.mark.parametrize("space", [SRGB, RgbSpace(*BT_709[:1], (0.6401, 0.33), (0.3, 0.6001), (0.15, 0.06))])
def test_srgb_under_whatever_name_is_not_encoded_anew(space):
    data = encoded(four_corners(), icc_profile=profile_bytes(space))
    assert IMAGING.normalise(data).data == encoded(four_corners())


def with_chunks(png, *chunks):
    return png[:33] + b"".join(chunks) + png[33:]


def test_the_numbers_of_a_png_are_honoured_in_their_order():
    linear = encoded(in_space(SPACES["linear"]))
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    assert arrives(with_chunks(linear, gamma))
    assert arrives(with_chunks(encoded(four_corners()), gamma, chunk(b"sRGB", b"\x00")))
    assert arrives(with_chunks(linear, chunk(b"cICP", bytes((1, 8, 0, 1))), chunk(b"sRGB", b"\x00")))
    points = [value for point in (D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)) for value in point]
    primaries = chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in points)))
    wide = encoded(in_space(SPACES["Display P3"]))
    assert arrives(with_chunks(wide, primaries, chunk(b"gAMA", struct.pack(">I", 45_455))))
    assert arrives(with_chunks(wide, chunk(b"cICP", bytes((12, 13, 0, 1)))))


def test_a_heic_without_a_profile_is_converted_by_its_numbers():
    numbers = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6}
    wide = in_space(SPACES["Display P3"])
    assert arrives(encoded(wide, "HEIF", quality=100, chroma=444, full_range_flag=1, **numbers))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"gAMA", struct.pack(">I", 45_455)),
        chunk(b"gAMA", struct.pack(">I", 0)),
        chunk(b"cHRM", bytes(32)),
        chunk(b"cHRM", struct.pack(">8I", *[33_333] * 8)),
        chunk(b"cICP", bytes((9, 16, 0, 1))),  # HDR, which no matrix brings to a screen
        chunk(b"cICP", bytes((2, 2, 0, 1))),
        chunk(b"cICP", b"\x01"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"short"),
    ],
)
def test_numbers_that_say_nothing_leave_the_picture_as_it_is(extra):
    plain = encoded(four_corners())
    assert IMAGING.normalise(with_chunks(plain, extra)).data == plain


PROFILES = [profile_bytes(space) for space in SPACES.values()]
PROFILES += [grey_profile(1.8), ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]


@given(st.sampled_from(PROFILES), st.sampled_from(["RGB", "L", "CMYK", "P", "LA", "LAB"]), st.data())
def test_a_broken_profile_never_raises(profile, mode, data):
    broken = bytearray(profile)
    for _ in range(data.draw(st.integers(0, 12))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    picture = Image.new(mode, (4, 4))
    picture.info["icc_profile"] = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    to_srgb(picture)


@given(st.lists(st.floats(allow_nan=False), min_size=8, max_size=8), st.floats(0, 100))
def test_no_numbers_raise(points, gamma):
    picture = Image.new("RGB", (4, 4))
    picture.info |= {"chromaticity": tuple(points), "gamma": gamma}
    to_srgb(picture)
