"""The brief of an in-painting says what each stroke's colour asks for, and leaves the rest as it is."""

import re

import pytest

from quel.core.aspect import AspectRatio
from quel.core.job import DEFAULT_PROMPT, Area, StageRequest
from quel.core.prompting.colour_names import colour_in_words
from quel.core.prompting.picture import PictureSpec, Reference
from quel.core.prompting.retouch import LAYER, MASK, ORIGINAL, STYLE, write_retouch, write_retouch_labels

HAT = Area("red", "a straw hat")
SEA = Area("#0000ff", "the sea at dusk", "layers[1].referenceImage")
BARE = Area("green")


def stage(*areas, prompt=DEFAULT_PROMPT, negative=""):
    return StageRequest(prompt, AspectRatio(16, 9), (), (), negative, areas=areas)


def picture(category, *wheres):
    return PictureSpec(category, tuple(Reference(n, None, category, w) for n, w in enumerate(wheres)))


MARKED = picture(ORIGINAL, "originalAttachId")
OF_SEA = picture(LAYER, "layers[1].referenceImage")
OF_ALL = picture(STYLE, "referenceImageDataUrl")
APART = picture(MASK, "maskDataUrl")


def words(text):
    return len(re.findall(r"\w+", text))


def test_each_layer_is_told_under_its_colour_and_led_by_its_own_picture():
    asked = stage(HAT, SEA)
    brief = write_retouch([MARKED, OF_ALL, OF_SEA], asked)
    assert "The red area: «a straw hat»." in brief
    assert "The blue (#0000ff) area: «the sea at dusk», guided by image 3." in brief
    assert "style, material and colour from image 2" in brief
    assert write_retouch_labels([MARKED, OF_ALL, OF_SEA], asked) == (
        "Image 1: the picture to change, coloured strokes on the areas that are meant.",
        "Image 2: the reference for the style of what is new.",
        "Image 3: the reference for the blue (#0000ff) area.",
    )


def test_every_brief_says_that_strokes_go_and_the_rest_stays():
    for asked in (stage(), stage(HAT), stage(HAT, SEA, BARE, prompt="a calm evening")):
        brief = write_retouch([MARKED], asked)
        assert "only mark areas and are no part of the picture" in brief
        assert "with every stroke gone" in brief
        assert "Everything outside the marked areas stays exactly as it is, in colour, light, depth" in brief


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (stage(), ["The marked areas are filled naturally"]),
        (stage(prompt="a straw hat"), ["The marked areas: «a straw hat»"]),
        (stage(BARE), ["The marked areas are filled naturally"]),
        (stage(BARE, prompt="moss"), ["The marked areas: «moss»"]),
        (stage(HAT, BARE), ["The red area: «a straw hat»", "The other marked areas are filled naturally"]),
        (stage(HAT, BARE, prompt="moss"), ["The red area: «a straw hat»", "All marked areas: «moss»"]),
        (stage(HAT, prompt="moss"), ["The red area: «a straw hat»", "All marked areas: «moss»"]),
    ],
)
def test_the_one_instruction_stands_where_an_area_has_none(asked, said):
    brief = write_retouch([MARKED], asked)
    assert all(sentence in brief for sentence in said)
    assert brief.count("filled naturally") == sum("naturally" in sentence for sentence in said)


def test_an_instruction_that_a_layer_repeats_is_told_once():
    assert write_retouch([MARKED], stage(HAT, prompt="a straw hat")).count("straw") == 1


def test_a_layer_of_a_reference_alone_becomes_what_that_shows():
    area = Area("red", "", "layers[1].referenceImage")
    assert "The red area: as image 2 shows it." in write_retouch([MARKED, OF_SEA], stage(area))


def test_references_that_share_a_picture_are_told_apart():
    grid = PictureSpec("reference and layer", OF_ALL.references + OF_SEA.references)
    assert write_retouch_labels([MARKED, grid], stage(HAT, SEA))[1] == (
        "Image 2: the reference for the style of what is new and reference for the blue (#0000ff) area,"
        " each on its own, row by row."
    )
    assert "guided by image 2." in write_retouch([MARKED, grid], stage(HAT, SEA))


def test_a_mask_of_its_own_is_no_numbered_picture():
    pictures = [MARKED, OF_SEA, APART]
    assert write_retouch_labels(pictures, stage(HAT, SEA))[::2] == (
        "Image 1: the picture to change.",
        "Mask: coloured strokes on the areas that are meant.",
    )
    assert "The coloured strokes of the mask only mark areas" in write_retouch(pictures, stage(HAT, SEA))


def test_quels_own_words_are_few_and_positive():
    asked = stage(HAT, SEA, BARE, prompt="a calm evening")
    pictures = [MARKED, OF_ALL, OF_SEA]
    said = " ".join((*write_retouch_labels(pictures, asked), write_retouch(pictures, asked)))
    assert words(said) <= 180
    assert len(re.findall(r"\b(?:no|not|never|nothing|without|none)\b", said.lower())) <= 3


def test_the_customers_words_cannot_end_their_quotation_and_what_to_avoid_is_told():
    brief = write_retouch([MARKED], stage(Area("red", "a »hat« »"), negative="blur,\n noise"))
    assert "««a »hat« »»»" in brief or "««a »hat« »»" in brief
    assert "Avoid: blur, noise" in brief


@pytest.mark.parametrize(
    ("colour", "said"),
    [
        ("red", "red"),
        ("Hot Pink", "Hot Pink"),
        ("#ff0000", "red (#ff0000)"),
        ("#F00", "red (#F00)"),
        ("#00ff00ff", "green (#00ff00ff)"),
        ("rgb(0, 0, 255)", "blue (rgb(0, 0, 255))"),
        ("rgba(255,255,0,0.5)", "yellow (rgba(255,255,0,0.5))"),
        ("#ff8800", "orange (#ff8800)"),
        ("#9933ff", "purple (#9933ff)"),
        ("#ff33cc", "pink (#ff33cc)"),
        ("#00ffff", "cyan (#00ffff)"),
        ("#ffffff", "white (#ffffff)"),
        ("#808080", "grey (#808080)"),
        ("#000", "black (#000)"),
        ("bed", "bed"),
        ("rgb(999, 0, 0)", "red (rgb(999, 0, 0))"),
        ("", ""),
    ],
)
def test_a_colour_in_numbers_is_named(colour, said):
    assert colour_in_words(colour) == said
