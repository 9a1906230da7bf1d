"""A mask's strokes lie over the picture they mark, as they were drawn; outside of them it is untouched."""

import base64
import io
from threading import Event, Thread

import pytest
from PIL import Image, ImageCms, ImageDraw

from quel.adapters.imaging import PillowImaging, Workbench
from quel.adapters.imaging.reference import MAX_EDGE_PX
from quel.adapters.memory_budget import MemoryBudget
from quel.core.errors import ReferenceUnavailable
from quel.core.outcome import PictureBytes

IMAGING = PillowImaging()
RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (120, 130, 140)
DOT = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def file_of(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def original(size=(400, 200), kind="PNG"):
    return IMAGING.normalise(file_of(Image.new("RGB", size, GREY), kind))


def strokes(size=(400, 200), box=(0, 0, 99, 99), colour=RED, alpha=255):
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).rectangle(box, fill=(*colour, alpha))
    return layer


def marked(mask, below=None):
    result = IMAGING.mark(below or original(), IMAGING.normalise_mask(mask))
    assert result.mime_type == "image/jpeg"
    picture = Image.open(io.BytesIO(result.data))
    picture.load()
    return picture


def near(picture, at, colour, by=6):
    return all(abs(a - b) <= by for a, b in zip(picture.getpixel(at), colour, strict=True))


def test_strokes_lie_over_the_picture_and_the_rest_is_untouched():
    picture = marked(file_of(strokes()))
    assert picture.size == (400, 200)
    assert near(picture, (50, 50), RED)
    assert near(picture, (150, 50), GREY)
    assert near(picture, (50, 150), GREY)


def test_a_half_transparent_stroke_lets_the_picture_through():
    assert near(marked(file_of(strokes(alpha=128))), (50, 50), (188, 65, 70))


def test_a_mask_of_another_size_is_scaled_to_the_picture():
    small = file_of(strokes((40, 20), (0, 0, 9, 9)))
    large = file_of(strokes((1600, 800), (0, 0, 399, 399)))
    for mask in (small, large):
        picture = marked(mask)
        assert picture.size == (400, 200)
        assert near(picture, (40, 40), RED)
        assert near(picture, (150, 50), GREY)
        assert near(picture, (50, 150), GREY)


def test_a_mask_of_another_shape_covers_the_whole_picture():
    picture = marked(file_of(strokes((100, 100), (50, 0, 99, 99))))
    assert near(picture, (100, 100), GREY)
    assert near(picture, (300, 100), RED)


def grey_of_16_bits():
    layer = Image.new("I;16", (400, 200), 0)
    layer.paste(65535, (0, 0, 100, 100))
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        strokes(colour=(255, 255, 255)).quantize(8),
        strokes(colour=(255, 255, 255)).convert("LA"),
        grey_of_16_bits(),
    ],
    ids=lambda layer: layer.mode,
)
def test_every_mode_of_a_mask_is_read(layer):
    picture = marked(file_of(layer))
    assert sum(picture.getpixel((50, 50))) > sum(picture.getpixel((150, 150)))


def test_the_strokes_edges_keep_their_colour_when_the_mask_is_scaled():
    """What is transparent has a colour too, mostly black: none of it may come into the stroke."""
    picture = marked(file_of(strokes((40, 20), (0, 0, 9, 9), (255, 255, 255))))
    assert all(min(picture.getpixel((x, 50))) > 100 for x in range(85, 115))


def test_a_mask_is_turned_upright_and_its_colours_are_converted():
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = strokes((200, 400), (0, 0, 99, 99))  # turned clockwise its corner is at the upper right
    picture = marked(file_of(lying, exif=exif))
    assert near(picture, (350, 50), RED)
    assert near(picture, (50, 50), GREY)

    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(marked(file_of(strokes(colour=BLUE), icc_profile=wide)), (50, 50), BLUE)


def test_the_picture_below_is_upright_before_it_is_marked():
    exif = Image.Exif()
    exif[0x0112] = 6
    halves = Image.new("RGB", (200, 400), GREY)
    halves.paste((10, 200, 30), (0, 200, 200, 400))
    below = IMAGING.normalise(file_of(halves, "JPEG", exif=exif, quality=95))
    picture = marked(file_of(strokes((400, 200), (0, 0, 49, 199))), below)
    assert picture.size == (400, 200)
    assert near(picture, (20, 100), RED)
    assert near(picture, (100, 100), (10, 200, 30))
    assert near(picture, (300, 100), GREY)


@pytest.mark.parametrize(
    "mask", [file_of(Image.new("RGB", (400, 200), RED)), file_of(Image.new("RGBA", (4, 2), (*RED, 255))), DOT]
)
def test_a_mask_without_transparency_marks_everything_and_hides_nothing(mask):
    picture = marked(mask)
    assert picture.size == (400, 200)
    drawn = picture.getpixel((200, 100))
    assert not near(picture, (200, 100), RED, by=40)
    assert drawn != GREY


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (b"", "The mask is empty."),
        (b"no picture", "The mask is something else, not a JPEG, PNG"),
        (b"%PDF-1.7", "The mask is a PDF document"),
        (file_of(strokes())[:-60], "The mask is damaged or cut off."),
    ],
)
def test_what_is_no_picture_is_said_of_the_mask(mask, why):
    with pytest.raises(ReferenceUnavailable, match=why):
        IMAGING.normalise_mask(mask)


def test_a_mask_has_no_more_pixels_than_a_reference():
    imaging = PillowImaging(Workbench(max_pixels=10_000))
    with pytest.raises(ReferenceUnavailable, match="The mask has 400×200 pixels, more than"):
        imaging.normalise_mask(file_of(strokes()))


def test_a_large_mask_is_kept_no_larger_than_a_reference_is_sent():
    mask = IMAGING.normalise_mask(file_of(strokes((4000, 1000), (0, 0, 999, 999))))
    layer = Image.open(io.BytesIO(mask.data))
    assert (mask.mime_type, layer.mode, max(layer.size)) == ("image/png", "RGBA", MAX_EDGE_PX)


def test_a_mask_of_its_own_comes_at_the_pictures_size_with_its_transparency():
    for size in ((40, 20), (400, 200), (1600, 800)):
        mask = IMAGING.normalise_mask(file_of(strokes(size, (0, 0, size[0] // 4, size[1] // 2))))
        layer = Image.open(io.BytesIO(IMAGING.scale_mask(mask, original()).data))
        assert (layer.format, layer.mode, layer.size) == ("PNG", "RGBA", (400, 200))
        assert layer.getpixel((40, 40)) == (*RED, 255)
        assert layer.getchannel("A").getpixel((300, 150)) == 0


def test_both_pictures_share_one_budget_and_wait_for_nobody_but_it():
    """Each in a share of its own would wait for the other's, with one turn or a small budget for ever."""
    imaging = PillowImaging(Workbench(parallel=1, budget=MemoryBudget(1)))
    mask, done = IMAGING.normalise_mask(file_of(strokes())), Event()

    def mark():
        imaging.mark(original(), mask)
        imaging.scale_mask(mask, PictureBytes(file_of(Image.new("RGB", (50, 50))), "image/png"))
        done.set()

    Thread(target=mark, daemon=True).start()
    assert done.wait(20)
