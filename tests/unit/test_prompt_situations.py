"""What the prompt says in each situation of each path."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, StageRequest
from quel.core.paths import PATHS
from quel.core.prompting.picture import Reference
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange


def prompt(
    path: str,
    types: Sequence[str],
    angle: str = "front",
    shot: str = "full",
    *,
    fx: str | None = None,
    pre_edited: bool | None = None,
    negative: str = "",
    wishes: str = "best quality, masterpiece",
    number: int = 0,
    of: int = 1,
    max_pictures: int = 14,
) -> str:
    known = PATHS[path]
    references = [
        Reference(n, type_, category.name, f"key[{n}]")
        for n, type_ in enumerate(types)
        if (category := known.category_of(type_))
    ]
    assert len(references) == len(types)
    pictures = arrange(known, references, shot, max_pictures=max_pictures).pictures
    stage = StageRequest(wishes, AspectRatio(4, 5), (), (), negative, pre_edited)
    return write_prompt(known, pictures, stage, ItemRequest(angle, shot, of, fx), number=number, of=of)


def assert_says(text: str, *phrases: str) -> None:
    assert [phrase for phrase in phrases if phrase not in text] == []


def assert_keeps_silent(text: str, *phrases: str) -> None:
    assert [phrase for phrase in phrases if phrase in text] == []


# Every path


def test_pictures_are_numbered_as_they_are_sent_and_named() -> None:
    text = prompt("fashion", ["top", "bag", "model", "pants", "bg"])
    listed = text.split("in the order they are sent:\n")[1].split("\n\n")[0].splitlines()
    assert listed[0].startswith("- image 1: the location")
    assert listed[1] == "- image 2: the model."
    assert listed[2].startswith("- image 3: a contact sheet of two separate garments")
    assert listed[3] == "- image 4: the accessory."
    assert (
        listed[4] == "A contact sheet only gathers separate references, one a cell; it is no layout to copy."
    )


def test_a_merged_grid_says_which_cell_shows_what() -> None:
    text = prompt("fashion", ["bg", "model", "top", "pants", "outer", "bag"], max_pictures=2)
    assert_says(
        text,
        "- image 1: the location",
        "- image 2: a contact sheet of 5 separate references, read row by row: cell 1 the model; "
        "cells 2 to 4 three garments",
        "; cell 5 the accessory.",
        "The model wears what image 2 (cells 2 to 4) shows",
        "Keep the face and proportions of the model in image 2 (cell 1) exactly as shown",
    )


def test_people_are_counted_through_when_some_of_them_share_a_grid() -> None:
    text = prompt("cinema", ["actor"] * 3 + ["top", "prop"], max_pictures=3)
    assert_says(text, "- image 1: actor 1 of 3.", "- image 2: a contact sheet of two separate actors.")
    assert_says(text, "Exactly three people")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_text_alone_is_a_new_picture_from_the_description(path: str) -> None:
    text = prompt(path, [], wishes="An old man laughs at the sea")
    assert_says(text, "new", "from the description; there are no references", "An old man laughs at the sea")
    assert_keeps_silent(text, "image 1", "all the references", "No person", "No hands", "Keep the face")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_the_negative_prompt_is_what_to_avoid(path: str) -> None:
    assert_says(prompt(path, [], negative=" blurry, text "), "\n\nAvoid: blurry, text\n\n")
    assert "Avoid:" not in prompt(path, [], negative="  ")


def test_a_blank_text_leaves_no_empty_quotation() -> None:
    assert '"""' not in prompt("fashion", ["model"], wishes=" \n")


@pytest.mark.parametrize("path", sorted(PATHS))
def test_the_aspect_ratio_ends_the_prompt(path: str) -> None:
    assert prompt(path, []).endswith("\n\nAspect ratio 4:5, filled edge to edge.")


def test_words_without_meaning_to_the_path_are_quoted_on_one_line() -> None:
    text = prompt("beauty", ["model", "cream"], "Dutch\n tilt", "  from the hips up ")
    assert_says(text, 'Camera angle: in the customer\'s own words, "Dutch tilt".')
    assert_says(text, 'Framing: in the customer\'s own words, "from the hips up".')


def test_an_effect_means_nothing_to_paths_without_effects() -> None:
    assert prompt("fashion", ["model"], fx="aura") == prompt("fashion", ["model"])


def test_is_pre_edited_means_nothing_to_other_paths() -> None:
    assert prompt("beauty", ["cream"], pre_edited=True) == prompt("beauty", ["cream"], pre_edited=None)


# Variation


def hints(text: str) -> str:
    found = re.search(r"this one has: (.*)\.$", text, flags=re.MULTILINE)
    assert found
    return found[1]


def test_a_single_image_varies_nothing() -> None:
    assert "Variation" not in prompt("fashion", ["model"], number=0, of=1)


@pytest.mark.parametrize("pre_edited", [None, True, False])
@pytest.mark.parametrize(
    ("angle", "shot"), [("front", "full"), ("back", "tight"), ("macro", "x"), ("odd", "odd")]
)
@pytest.mark.parametrize(
    ("path", "types"),
    [
        *((path, []) for path in sorted(PATHS)),
        ("fashion", ["bg", "top"]),
        ("fashion", ["model"]),
        ("beauty", ["bg", "cream"]),
        ("beauty", ["model"]),
        ("eats", ["bg", "food"]),
        ("cinema", ["actor"]),
        ("cartoon", ["model"]),
    ],
)
def test_the_first_fifteen_takes_of_an_item_are_all_told_something_else(
    path: str, types: list[str], angle: str, shot: str, pre_edited: bool | None
) -> None:
    takes = [
        hints(prompt(path, types, angle, shot, pre_edited=pre_edited, number=number, of=15))
        for number in range(15)
    ]
    assert len(set(takes)) == 15


def test_neighbouring_takes_differ_in_every_axis() -> None:
    takes = [hints(prompt("fashion", ["model"], number=n, of=100)).split("; ") for n in range(100)]
    for one, other in pairwise(takes):
        assert not set(one) & set(other)
    assert len({tuple(take) for take in takes}) == 100


# Fashion


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("front", "holds eye contact"),
        ("side", "at exactly 90°, a true side profile"),
        ("profile", "formal frontal portrait. Shoulders level, bearing composed, the background kept calm"),
        ("back", "turned away and seen from behind, no part of the face"),
    ],
)
def test_fashion_angles(angle: str, sentence: str) -> None:
    assert_says(prompt("fashion", ["model", "top"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("tight", "Head and upper chest only"),
        ("middle", "From the top of the head to mid-thigh, never cropped at the waist"),
        ("full", "Head to toe with the ground under the feet; the figure takes at least 85 % of the height"),
    ],
)
def test_fashion_shots(shot: str, sentence: str) -> None:
    assert_says(prompt("fashion", ["model", "top"], shot=shot), f"Framing: {shot}. {sentence}")


def test_from_behind_no_face_is_asked_for_in_any_sentence() -> None:
    text = prompt("fashion", ["model", "bg", "top"], "back", "tight")
    assert_says(text, "Back of the head and upper back only", "Keep the hair, build and proportions")
    assert_keeps_silent(text, "Keep the face", "eye contact", "chest")


def test_fashion_model_in_a_place() -> None:
    text = prompt("fashion", ["model", "bg"])
    assert_says(
        text,
        "The place in image 1 gives mood, architecture and light: show a fresh view of it, not a copy.",
        "The model really stands in it",
        "The model keeps the clothes of image 2",
    )
    assert_keeps_silent(text, "studio")


def test_fashion_model_without_a_place_stands_in_a_studio() -> None:
    text = prompt("fashion", ["model", "top"])
    assert_says(text, "Setting: a photo studio", "The model wears what image 2 shows")
    assert_keeps_silent(text, "fresh view", "the clothes of image 1")


def test_fashion_accessories_come_up_into_a_tight_framing() -> None:
    assert_says(
        prompt("fashion", ["model", "bag"], shot="tight"), "held high enough to lie inside this framing"
    )


def test_fashion_products_without_a_model_show_nobody() -> None:
    text = prompt("fashion", ["top", "bag"])
    assert_says(
        text, "product photograph", "No person and no body part", "Exactly one garment and one accessory"
    )
    assert_keeps_silent(text, "The model", "Head to toe", "Keep the face")


def test_exactly_one_fashion_product_stands_alone() -> None:
    text = prompt("fashion", ["shoes"])
    assert_says(text, "Exactly one product, that one alone", "uses the reference.")


# Beauty


def test_beauty_model_and_product_are_a_luxury_advertisement() -> None:
    text = prompt("beauty", ["model", "lipstick"])
    assert_says(
        text,
        "luxury advertisement photograph of the model with one product",
        "What image 2 shows is held in a hand or rests on a real surface",
        "Colour, shape, material and lettering of every package exactly as shown",
    )
    assert_keeps_silent(text, "60–80 %", "No hands")


@pytest.mark.parametrize(("shot", "share"), [("close up", 80), ("middle", 70), ("full body", 60)])
def test_a_beauty_model_alone_is_always_a_head_and_shoulders_portrait(shot: str, share: int) -> None:
    text = prompt("beauty", ["model"], shot=shot)
    assert_says(
        text, f"head-and-shoulders portrait; the face takes 60–80 % of the frame, here about {share} %"
    )
    assert_keeps_silent(text, "Head to toe", "product")


def test_a_beauty_model_alone_from_behind_shows_the_head_not_the_face() -> None:
    text = prompt("beauty", ["model"], "back")
    assert_says(text, "head and shoulders from behind; the head takes 60–80 % of the frame")
    assert_keeps_silent(text, "the face takes", "pores")


def test_beauty_products_alone_are_counted_and_untouched_by_hands() -> None:
    text = prompt("beauty", ["cream", "bottle", "compact"])
    assert_says(text, "Exactly three products: each once", "No hands, no person and no body part")
    assert_says(prompt("beauty", ["cream"]), "Exactly one product, no second one.")


# Eats


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("top down", "overhead. The camera looks straight down on the dish"),
        ("3/4", "45-degree. Looking down at about 45° on the dish"),
        ("macro", "A macro lens very near the surface of the dish"),
        ("side", "At table height from the side"),
    ],
)
def test_eats_angles(angle: str, sentence: str) -> None:
    assert_says(prompt("eats", ["food"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("full plate", "The whole plate or bowl from rim to rim"),
        ("hero-shot", "About two thirds of the picture for the dish"),
        ("detail", "One telling part of the dish takes most of the picture"),
        ("context", "A wider view of the table, with the dish still large"),
        ("full body", "All of the dish, large"),
    ],
)
def test_eats_shots(shot: str, sentence: str) -> None:
    assert_says(prompt("eats", ["food"], shot=shot), sentence)


def test_the_dish_stays_exactly_as_shown_large_and_sharp() -> None:
    assert_says(
        prompt("eats", ["food"]),
        "What image 1 shows stays exactly as shown: components, portion, arrangement, colours, tableware.",
        "Large and the sharpest thing in the picture: the dish.",
        "Nothing added to the dish that the references do not show",
    )


@pytest.mark.parametrize("shot", [shot for shot in PATHS["eats"].shots.spellings if shot != "detail"])
def test_macro_takes_precedence_over_every_wider_crop(shot: str) -> None:
    text = prompt("eats", ["food"], "macro", shot)
    assert_says(text, "Framing: one telling part of the dish takes most of the picture")
    assert_keeps_silent(text, "whole plate", "two thirds", "wider view", "All of the dish")


def test_from_straight_above_only_the_surface_of_a_place_is_seen() -> None:
    text = prompt("eats", ["food", "bg"], "overhead")
    assert_says(text, "Of the place in image 1 only the surface under the dish shows")
    assert_keeps_silent(text, "architecture", "fresh view")


def test_is_pre_edited_decides_on_the_look() -> None:
    look = {edited: prompt("eats", ["food"], pre_edited=edited) for edited in (True, False, None)}
    editorial = "Premium editorial finish: fresh, appetising texture in warm natural light."
    faithful = "Stay faithful to how image 1 looks: colours, texture and kind of light"
    assert [editorial in look[e] for e in (True, False, None)] == [True, False, False]
    assert [faithful in look[e] for e in (True, False, None)] == [False, True, False]


# Cinema


def test_a_film_still_shows_exactly_the_given_people() -> None:
    text = prompt("cinema", ["actor", "face"])
    assert_says(
        text,
        "film still",
        "Exactly two people in the picture, each actor once.",
        "Every face identical to its reference, relit by the scene.",
        "No extras",
    )
    assert_says(prompt("cinema", ["actor"]), "Exactly one person in the picture")


def test_cinema_props_and_clothes_are_in_scene_light() -> None:
    text = prompt("cinema", ["actor", "top", "prop"])
    assert_says(text, "The cast wears what image 2 shows: cut, fabric and colour unchanged, in scene light.")
    assert_says(
        text, "What image 3 shows is worn, used or placed where the story needs it, in true scale and scene"
    )


def test_cinema_without_actors_leaves_people_to_the_text() -> None:
    text = prompt("cinema", ["prop"])
    assert_says(text, "People appear only where the wishes call for them.")
    assert_keeps_silent(text, "Exactly", "No extras", "The cast")


# Cartoon


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("front", "Seen straight from the front"),
        ("3/4", "Turned by about 45°"),
        ("side", "A true side view"),
        ("low-angle", "From well below eye level"),
        ("high-angle", "From well above eye level"),
    ],
)
def test_cartoon_angles(angle: str, sentence: str) -> None:
    assert_says(prompt("cartoon", ["character"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [("tight", "portrait. Head and shoulders only"), ("middle", "bust."), ("full", "full body. Head to toe")],
)
def test_cartoon_shots(shot: str, sentence: str) -> None:
    assert_says(prompt("cartoon", ["character"], shot=shot), sentence)


@pytest.mark.parametrize(
    ("fx", "sentence"),
    [
        ("none", "Effect: none. A clean drawing without effect lines"),
        ("Speed Lines", "Effect: speed lines. Lines of motion"),
        ("impact", "Effect: impact. Sharp lines radiating from one point"),
        ("aura", "Effect: aura. A glowing outline of energy around the character"),
        ("emotion", "Effect: emotion. Drawn emotion marks near the character"),
        ("glitter rain", 'Effect: in the customer\'s own words, "glitter rain".'),
    ],
)
def test_cartoon_effects(fx: str, sentence: str) -> None:
    assert_says(prompt("cartoon", ["character"], fx=fx), sentence)


def test_a_cartoon_without_a_word_on_effects_says_nothing_about_them() -> None:
    assert "Effect:" not in prompt("cartoon", ["character"])
    assert "Effect:" not in prompt("cartoon", ["character"], fx=" ")


def test_characters_keep_their_design_in_one_illustration_style() -> None:
    text = prompt("cartoon", ["character", "model"])
    assert_says(
        text,
        "Design, outfit and palette of the two characters in image 1 and image 2 stay unchanged.",
        "One illustration style for everything",
        "Never photographic",
        "Exactly two characters",
    )


def test_a_garment_among_the_props_may_replace_the_outfit() -> None:
    text = prompt("cartoon", ["character", "top"])
    assert_says(text, "and the outfit unless image 2 shows a garment to wear instead")
    assert_keeps_silent(text, "Design, outfit and palette")
