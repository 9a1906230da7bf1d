"""References of every kind become upright, still RGB pictures, or are refused with a sentence."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from quel.adapters.imaging import PillowImaging, Workbench
from quel.adapters.imaging.reference import MAX_EDGE_PX, MAX_SENT_BYTES
from quel.core.errors import ReferenceUnavailable

IMAGING = PillowImaging(Workbench(max_pixels=20_000_000))


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(picture_bytes):
    picture = Image.open(io.BytesIO(picture_bytes.data))
    picture.load()
    return picture


def normalised(data):
    result = IMAGING.normalise(data)
    picture = opened(result)
    assert picture.mode == "RGB"
    assert result.mime_type == f"image/{picture.format.lower()}"
    return picture


def near(colour, wanted, tolerance=6):
    return all(abs(a - b) <= tolerance for a, b in zip(colour, wanted, strict=True))


def left_red_right_blue(mode="RGB"):
    picture = Image.new("RGB", (64, 32), "blue")
    picture.paste("red", (0, 0, 32, 32))
    return picture.convert(mode)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_plain_picture_passes_unchanged(kind):
    data = encoded(left_red_right_blue(), kind)
    result = IMAGING.normalise(data)
    assert (result.data, result.mime_type) == (data, f"image/{kind.lower()}")


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_other_formats_are_encoded_anew_at_their_own_size(kind):
    picture = normalised(encoded(left_red_right_blue(), kind))
    assert picture.size == (64, 32)
    assert near(picture.getpixel((8, 16)), (254, 0, 0), 12)


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"msf1", b"miaf", b"MA1B"])
def test_an_avif_is_known_by_any_of_its_brands(brand):
    data = encoded(left_red_right_blue(), "AVIF", quality=90)
    assert b"avif" in data[16:32]
    picture = normalised(data[:8] + brand + data[12:])
    assert near(picture.getpixel((8, 16)), (254, 0, 0), 12)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"miaf"])
def test_a_heic_is_known_by_any_of_its_brands(brand):
    data = encoded(left_red_right_blue().resize((128, 64)), "HEIF", quality=90)
    picture = normalised(data[:8] + brand + data[12:])
    assert near(picture.getpixel((16, 32)), (254, 0, 0), 12)


def test_a_tiff_with_wide_offsets_is_read():
    data = encoded(left_red_right_blue(), "TIFF", big_tiff=True)
    assert data[2] == 43
    assert near(normalised(data).getpixel((8, 16)), (254, 0, 0), 12)


@pytest.mark.parametrize(
    ("orientation", "size", "red_at", "blue_at"),
    [
        (1, (64, 32), (8, 16), (56, 16)),
        (2, (64, 32), (56, 16), (8, 16)),
        (3, (64, 32), (56, 16), (8, 16)),
        (4, (64, 32), (8, 16), (56, 16)),
        (5, (32, 64), (16, 8), (16, 56)),
        (6, (32, 64), (16, 8), (16, 56)),
        (7, (32, 64), (16, 56), (16, 8)),
        (8, (32, 64), (16, 56), (16, 8)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured_and_gone(orientation, size, red_at, blue_at, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = normalised(encoded(left_red_right_blue(), kind, exif=exif))
    assert picture.size == size
    assert near(picture.getpixel(red_at), (254, 0, 0), 12)
    assert near(picture.getpixel(blue_at), (0, 0, 254), 12)
    assert not picture.getexif()


def test_broken_exif_is_no_obstacle():
    picture = normalised(encoded(left_red_right_blue(), "JPEG", exif=b"Exif\x00\x00rubbish that is no TIFF"))
    assert picture.size == (64, 32)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_becomes_white(mode, kind):
    picture = left_red_right_blue().convert(mode)
    picture.putalpha(Image.linear_gradient("L").resize((64, 32)).point(lambda v: 255 if v > 128 else 0))
    if kind == "WEBP":
        picture = picture.convert("RGBA")
    flat = normalised(encoded(picture, kind))
    assert near(flat.getpixel((8, 2)), (255, 255, 255))
    assert not near(flat.getpixel((8, 30)), (255, 255, 255), 60)


def test_a_transparent_palette_colour_becomes_white():
    picture = left_red_right_blue().convert("P", palette=Image.Palette.ADAPTIVE)
    see_through = picture.getpixel((8, 16))
    for kind in ("PNG", "GIF"):
        flat = normalised(encoded(picture, kind, transparency=see_through))
        assert near(flat.getpixel((8, 16)), (255, 255, 255))
        assert near(flat.getpixel((56, 16)), (0, 0, 254), 12)


def test_a_transparent_rgb_colour_becomes_white():
    flat = normalised(encoded(left_red_right_blue(), "PNG", transparency=(255, 0, 0)))
    assert near(flat.getpixel((8, 16)), (255, 255, 255))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_pictures_are_converted(mode):
    assert normalised(encoded(left_red_right_blue(mode))).size == (64, 32)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted(kind):
    picture = normalised(encoded(left_red_right_blue("CMYK"), kind))
    assert near(picture.getpixel((8, 16)), (254, 0, 0), 12)


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bit_grey_is_scaled_not_clipped(mode):
    grey = Image.new(mode, (16, 16), 32768)
    assert near(normalised(encoded(grey, "TIFF")).getpixel((8, 8)), (128, 128, 128), 2)


def test_float_grey_is_scaled():
    assert near(normalised(encoded(Image.new("F", (16, 16), 0.5), "TIFF")).getpixel((8, 8)), (128,) * 3, 2)


def test_float_grey_that_is_no_number_is_refused():
    with pytest.raises(ReferenceUnavailable, match="no numbers"):
        IMAGING.normalise(encoded(Image.new("F", (16, 16), float("inf")), "TIFF"))


def sixteen_bit_rgb_png():
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\x00" + struct.pack(">HHH", 65535, 32768, 0) * 8 for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_sixteen_bit_colour_is_converted_to_eight():
    data = sixteen_bit_rgb_png()
    result = IMAGING.normalise(data)
    assert result.data != data
    assert near(opened(result).getpixel((4, 4)), (255, 128, 0))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_taken(kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    result = IMAGING.normalise(data)
    assert near(opened(result).getpixel((16, 16)), (254, 0, 0), 12)
    assert not getattr(opened(result), "is_animated", False)


def test_colours_of_another_profile_are_brought_to_srgb():
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    wide = encoded(left_red_right_blue(), "PNG", icc_profile=lab_like)
    assert "icc_profile" not in normalised(wide).info
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = normalised(encoded(left_red_right_blue(), "PNG", icc_profile=srgb))
    assert near(picture.getpixel((8, 16)), (254, 0, 0), 4)
    assert normalised(encoded(left_red_right_blue(), "PNG", icc_profile=b"no profile")).size == (64, 32)


def test_what_a_picture_says_about_itself_is_not_passed_on():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "taken at home")
    for data in (
        encoded(left_red_right_blue(), "PNG", pnginfo=text),
        encoded(left_red_right_blue(), "JPEG", comment="taken at home"),
    ):
        assert b"taken at home" in data
        assert b"taken at home" not in IMAGING.normalise(data).data


def test_a_very_large_picture_is_scaled_down_and_keeps_its_shape():
    data = encoded(Image.new("RGB", (MAX_EDGE_PX * 2, 1000), "red"), "JPEG")
    assert normalised(data).size == (MAX_EDGE_PX, 500)


def test_a_single_picture_is_never_enlarged():
    assert normalised(encoded(Image.new("RGB", (1, 1), "red"))).size == (1, 1)


def test_a_picture_of_many_bytes_is_encoded_anew():
    noise = Image.effect_noise((1500, 1500), 120).convert("RGB")
    data = encoded(Image.merge("RGB", [noise.getchannel(0)] * 2 + [noise.getchannel(0).rotate(90)]))
    data += b"\x00" * max(0, MAX_SENT_BYTES - len(data) + 1)
    result = IMAGING.normalise(data)
    assert len(result.data) <= MAX_SENT_BYTES
    assert opened(result).size == (1500, 1500)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"hello, I am no picture", "something else"),
        (b"%PDF-1.7 and so on", "a PDF document"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b'\xef\xbb\xbf  <?xml version="1.0"?><svg/>', "an SVG drawing"),
        (b"<!-- drawn by hand -->\n<svg/>", "an SVG drawing"),
        (b'<?xml version="1.0"?><rss/>', "an XML document or SVG drawing"),
        (b"<!doctype html><svg/>", "a web page"),
        (b"<!doctype html><title>Sign in</title>", "a web page"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "damaged"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "a video"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", "a video"),
        (b"RIFF\x10\x00\x00\x00AVI LIST", "a video"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00", "a video"),
        (b"8BPS\x00\x01\x00\x00", "a Photoshop document"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\xff\x0a\xfa\x1f\x41", "a JPEG XL picture"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"\x00\x00\x01\x00\x01\x00 ", "an icon"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "something else"),
        (b"\x89PNG\r\n\x1a\n and then nothing of the kind", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "damaged"),
        (b"GIF89a", "damaged"),
        (b"BM", "damaged"),
        (b"II*\x00\x08\x00\x00\x00", "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data, said):
    with pytest.raises(ReferenceUnavailable, match=said) as refused:
        IMAGING.normalise(data)
    assert str(refused.value).startswith("The file ")
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_the_preview_of_a_raw_photograph_is_not_taken_for_the_photograph(tag):
    with pytest.raises(ReferenceUnavailable, match="is a raw photograph"):
        IMAGING.normalise(encoded(Image.new("RGB", (160, 120)), "TIFF", tiffinfo=tag))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_truncated_file_is_refused(kind, kept):
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), kind)
    with pytest.raises(ReferenceUnavailable):
        IMAGING.normalise(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_too_many_pixels_are_refused_by_the_header_alone(kind):
    small = PillowImaging(Workbench(max_pixels=10_000))
    data = encoded(Image.new("RGB", (101, 100)), kind)
    with pytest.raises(ReferenceUnavailable, match="101×100 pixels"):
        small.normalise(data)
    assert small.normalise(encoded(Image.new("RGB", (100, 100)), kind)).data


def test_a_decompression_bomb_is_refused():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    ihdr = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ReferenceUnavailable, match="pixels"):
        IMAGING.normalise(bomb)


SEEDS = [encoded(left_red_right_blue(), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")]


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), st.data())
def test_no_damage_raises_anything_but_a_refusal(seed, data):
    broken = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = IMAGING.normalise(bytes(broken[: data.draw(st.integers(0, len(broken)))]))
    except ReferenceUnavailable:
        return
    assert opened(result).mode == "RGB"
