"""Nothing but the picture leaves: what decodes it goes through as it is, all else in the file falls away."""

import contextlib
import io
import struct
import zlib
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from quel.adapters.imaging import PillowImaging
from quel.adapters.imaging.formats import NotAPictureError
from quel.adapters.imaging.whitelist import to_read, to_send
from quel.core.errors import ReferenceUnavailable
from tests.unit.test_imaging_reference import encoded, left_red_right_blue, near, opened

IMAGING = PillowImaging()
SECRET = b"taken at 37.5665 N, 126.9780 E by Kim"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DECODING_SEGMENTS = {0xE0, 0xEE, 0xDB, 0xC4, 0xDD, 0xDA, 0xC0, 0xC1, 0xC2}
DECODING_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def noise():
    return Image.frombytes("RGB", (75, 50), Random(7).randbytes(75 * 50 * 3))


def segment(marker, body):
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def chunk(name, body, checksum=None):
    checksum = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def pixels(data):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.mode, picture.size, picture.tobytes()


def segments_of(data):
    """The markers of a JPEG up to and including its scan header."""
    at, markers = 2, list[int]()
    while not markers or markers[-1] != 0xDA:
        assert data[at] == 0xFF
        markers.append(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return markers


def chunks_of(data):
    at, names = 8, list[bytes]()
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4])
    assert at == len(data)
    return names


JPEG_KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 2},
    "4:4:4": {"subsampling": 0},
}
JPEGS = {name: encoded(noise(), "JPEG", **options) for name, options in JPEG_KINDS.items()}
PNGS = {
    "colour": encoded(noise()),
    "in many pieces": encoded(noise().resize((400, 300)), compress_level=0),
    "palette": encoded(noise().convert("P", palette=Image.Palette.ADAPTIVE)),
    "with a transparent colour": encoded(noise(), transparency=(1, 2, 3)),
}

jpeg_extras = st.one_of(
    st.builds(
        lambda marker, begin, rest: segment(marker, begin + SECRET + rest),
        st.sampled_from([*range(0xE0, 0xF0), 0xFE, 0xF0, 0xFD]),
        st.sampled_from(
            [
                *(b"", b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00", b"JFXX\x00\x10"),
                *(
                    b"http://ns.adobe.com/xmp/extension/\x00",
                    b"MPF\x00",
                    b"JP\x00\x01",
                    b"Ducky",
                    b"FLIR\x00",
                ),
                *(b"Photoshop 3.0\x00", b"ICC_PROFILE\x00\x01\x01", b"AROT", b"\xff\xd9\xff\xda"),
            ]
        ),
        st.binary(max_size=40),
    ),
    st.just(b"\xff" * 3),  # fill bytes
    st.just(b"\x00" + SECRET),  # bytes between segments, which decoders pass over
)
png_names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=4).map(
    lambda name: name[:2].encode() + name[2:3].upper().encode() + name[3:].encode()
)
png_extras = st.builds(
    lambda name, rest, broken: chunk(name, SECRET + rest, 7 if broken else None),
    st.one_of(
        png_names, st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"caBX", b"CgBI", b"sBIT"])
    ),
    st.binary(max_size=40),
    st.booleans(),
)


@given(
    st.sampled_from(list(JPEGS.values())),
    st.lists(jpeg_extras, min_size=1, max_size=6),
    st.binary(max_size=60),
)
def test_of_a_jpeg_only_what_decodes_it_is_sent(jpeg, extras, behind):
    sent = to_send(jpeg[:20] + b"".join(extras) + jpeg[20:] + SECRET + behind).data
    assert SECRET not in sent
    assert pixels(sent) == pixels(jpeg)
    assert set(segments_of(sent)) <= DECODING_SEGMENTS
    assert sent.endswith(b"\xff\xd9")
    assert to_send(sent).data == sent


@given(
    st.sampled_from(list(PNGS.values())),
    st.lists(png_extras, max_size=5),
    st.lists(png_extras, max_size=5),
    st.binary(max_size=60),
)
def test_of_a_png_only_what_decodes_it_is_sent(png, before, after, behind):
    header, end = png.index(b"IHDR") + 21, png.index(b"IEND") - 4
    data = png[:header] + b"".join(before) + png[header:end] + b"".join(after) + png[end:] + SECRET + behind
    sent = to_send(data).data
    assert SECRET not in sent
    assert pixels(sent) == pixels(png)
    assert set(chunks_of(sent)) <= DECODING_CHUNKS
    assert to_send(sent).data == sent


def test_picture_data_that_goes_on_behind_another_chunk_is_not_sent():
    png = PNGS["colour"]
    end = png.index(b"IEND") - 4
    hidden = chunk(b"tEXt", b"k\x00v") + chunk(b"IDAT", SECRET) + chunk(b"IHDR", SECRET[:13])
    sent = to_send(png[:end] + hidden + png[end:]).data
    assert SECRET[:13] not in sent
    assert pixels(sent) == pixels(png)


def test_previews_within_segments_that_decode_are_not_sent():
    jpeg = JPEGS["baseline"]
    with_preview = segment(0xE0, b"JFIF\x00\x01\x02\x00\x00\x48\x00\x48\x05\x05" + SECRET + bytes(38))
    sent = to_send(jpeg[:2] + with_preview + jpeg[20:]).data
    assert SECRET not in sent
    assert pixels(sent) == pixels(jpeg)


def test_a_motion_photo_is_sent_without_its_film():
    film = b"\x00\x00\x00\x18ftypmp42" + SECRET + encoded(left_red_right_blue(), "JPEG")
    result = IMAGING.normalise(JPEGS["baseline"] + film)
    assert result.data == JPEGS["baseline"]


def test_of_several_pictures_in_a_file_the_first_is_sent():
    data = encoded(noise(), "MPO", save_all=True, append_images=[left_red_right_blue()])
    result = IMAGING.normalise(data)
    assert len(result.data) < len(data)
    assert pixels(result.data) == pixels(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_with_notes_is_sent_without_them_and_not_encoded_anew(kind):
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    plain = encoded(noise(), kind)
    assert IMAGING.normalise(encoded(noise(), kind, exif=exif, icc_profile=SRGB)).data == plain


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_orientation_keeps_its_effect_whether_exif_or_xmp_tells_it(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    plain = encoded(left_red_right_blue(), kind)
    if kind == "JPEG":
        by_xmp = plain[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + xmp) + plain[2:]
    else:
        by_xmp = plain[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp) + plain[33:]
    for data in (encoded(left_red_right_blue(), kind, exif=exif), by_xmp):
        picture = opened(IMAGING.normalise(data))
        assert picture.size == (32, 64)
        assert near(picture.getpixel((16, 8)), (254, 0, 0), 12)


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_is_sent_with_one(name):
    jpeg = JPEGS[name]
    assert IMAGING.normalise(jpeg[:-2]).data == jpeg
    assert IMAGING.normalise(jpeg[:-1]).data in (jpeg, jpeg[:-2] + b"\xff\xff\xd9")


@given(st.sampled_from(["baseline", "with restarts", "4:4:4"]), st.floats(0.02, 0.98))
def test_a_jpeg_that_lacks_rows_is_refused(name, kept):
    jpeg = JPEGS[name]
    with pytest.raises(ReferenceUnavailable, match=r"damaged or cut off|something else"):
        IMAGING.normalise(jpeg[: int(len(jpeg) * kept)])


def test_a_progressive_jpeg_that_lacks_part_of_a_scan_is_refused():
    jpeg = JPEGS["progressive"]
    first, last = jpeg.index(b"\xff\xda"), jpeg.rindex(b"\xff\xda")
    for kept in (first + 40, (first + last) // 2, (last + len(jpeg)) // 2):
        with pytest.raises(ReferenceUnavailable, match="damaged or cut off"):
            IMAGING.normalise(jpeg[:kept])


def test_text_around_a_picture_never_refuses_it():
    png = PNGS["colour"]
    xmp = b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(b" " * 5_000_000)
    for extra in (
        chunk(b"iTXt", xmp),
        chunk(b"zTXt", b"k\x00\x00" + zlib.compress(b"x" * 5_000_000)),
        chunk(b"tEXt", b"k\x00v", checksum=1),
        chunk(b"eXIf", b"no such thing", checksum=1),
        chunk(b"iCCP", b"p\x00\x00" + zlib.compress(bytes(1_400_000))),
    ):
        assert IMAGING.normalise(png[:33] + extra + png[33:]).data == png


@given(st.sampled_from([*JPEGS.values(), *PNGS.values()]), st.data())
def test_no_damage_makes_the_whitelist_raise_anything_but_a_refusal(seed, data):
    broken = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    for pick in (to_send, to_read, IMAGING.normalise):
        with contextlib.suppress(NotAPictureError, ReferenceUnavailable):
            assert pick(bytes(broken)).data
