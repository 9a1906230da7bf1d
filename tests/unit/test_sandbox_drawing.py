import hashlib
import io

import pytest
from PIL import Image, ImageChops

from quel.core.aspect import GRID_SIZES_PX
from quel.sandbox.gemini.drawing import draw, encode, ready_made
from quel.sandbox.gemini.request import GenerateContent, ReceivedPicture


def received(colour, mode="RGB", kind="PNG", size=(64, 48)):
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    data = buffer.getvalue()
    width, height = size
    return ReceivedPicture(f"image/{kind.lower()}", width, height, hashlib.sha256(data).hexdigest(), data)


def asked(prompt="a prompt", pictures=(), aspect_ratio="16:9", seed=1):
    return GenerateContent(
        prompt, (), tuple(pictures), len(pictures), aspect_ratio, None, seed, 0.45, ("IMAGE",), False
    )


@pytest.mark.parametrize(("ratio", "size"), [(str(ratio), size) for ratio, size in GRID_SIZES_PX.items()])
def test_the_picture_has_the_size_of_the_aspect_ratio(ratio, size):
    assert draw(asked(aspect_ratio=ratio)).size == size


def test_the_pictures_received_are_shown_in_order_from_left_to_right():
    picture = draw(asked(pictures=[received("red"), received("lime"), received("blue")], aspect_ratio="21:9"))
    found: dict[float | tuple[int, ...] | None, int] = {}
    for x in range(picture.width):
        for y in range(0, picture.height, 8):
            found.setdefault(picture.getpixel((x, y)), x)
    assert found[255, 0, 0] < found[0, 255, 0] < found[0, 0, 255]


@pytest.mark.parametrize("count", [1, 2, 5, 9, 14])
@pytest.mark.parametrize("ratio", ["9:16", "21:9"])
def test_every_picture_finds_a_place(count, ratio):
    colours = [(255 - 10 * number, 10 * number, 128) for number in range(count)]
    picture = draw(asked(pictures=[received(colour) for colour in colours], aspect_ratio=ratio))
    counted = picture.getcolors(picture.width * picture.height)
    assert counted is not None  # there are never more colours than pixels
    assert set(colours) <= {colour for _, colour in counted}


def test_different_seeds_look_different_all_over():
    def ground(seed):
        return draw(asked(seed=seed)).crop((0, 200, 1344, 600))

    difference = ImageChops.difference(ground(1), ground(2)).convert("L")
    assert min(difference.tobytes()) > 10
    assert ImageChops.difference(ground(1), ground(1)).getbbox() is None


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "자연스러운 아침 빛, 따뜻한 커피",
        "صورة في ضوء الصباح",
        "日本語の長い文章" * 50,
        "emoji 🧑‍🚀🌈 and \x00 control \x07 signs \r\n\t",
        "lone surrogate \ud800 half",
        "word" * 500,
        'unclosed """ quotation',
        '"""\n\n"""',
    ],
)
def test_no_text_stops_the_pencil(prompt):
    assert draw(asked(prompt)).size == (1344, 768)


def test_the_caption_is_the_customers_own_words_where_the_prompt_marks_them():
    own = draw(asked("A sentence. Art direction from the client: «morning light» More."))
    assert ImageChops.difference(own, draw(asked("morning light"))).getbbox() is None


def test_pictures_of_other_kinds_are_shown_too():
    pictures = [received((1, 2, 3, 4), "CMYK", "JPEG"), received(200, "L"), received((9, 9, 9, 99), "RGBA")]
    assert draw(asked(pictures=pictures)).mode == "RGB"


def test_the_ready_made_picture_weighs_what_a_real_one_does():
    with Image.open(io.BytesIO(ready_made())) as picture:
        assert (picture.format, picture.size) == ("PNG", (1344, 768))
    assert 1_200_000 < len(ready_made()) < 1_800_000


def test_a_picture_is_encoded_as_what_it_is_called():
    for mime_type, kind in (("image/png", "PNG"), ("image/jpeg", "JPEG")):
        with Image.open(io.BytesIO(encode(draw(asked()), mime_type))) as picture:
            assert picture.format == kind


def test_a_strip_a_pixel_high_is_shown_too():
    assert draw(asked(pictures=[received("red", size=(5000, 1))])).size == (1344, 768)


def test_a_sketch_is_a_third_as_wide_and_high_and_shows_the_same():
    order = asked(pictures=[received("red"), received("blue")], seed=3)
    drawn, sketched = draw(order), draw(order, as_sketch=True)
    assert sketched.size == (448, 256)
    from_afar = [picture.resize((84, 48)) for picture in (drawn, sketched)]
    levels = ImageChops.difference(*from_afar).convert("L").tobytes()
    assert sum(levels) / len(levels) < 16  # text and edges are coarser
