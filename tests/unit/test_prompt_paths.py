"""What the prompt says in the situations that only one path has."""

import pytest

from quel.core.paths import PATHS
from tests.unit.prompts import assert_keeps_silent, assert_says, prompt

# Fashion


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("front", "facing the camera at eye level with eye contact unless asked otherwise"),
        ("side", "in true 90° side profile"),
        ("profile", "a formal frontal portrait, shoulders level, calm background"),
        ("back", "turned away from the camera, the face out of sight"),
        ("3/4", "turned by about 45°"),
        ("low angle", "from a low camera looking up"),
        ("from above", "from a raised camera looking down"),
        ("bird's eye", "from straight above"),
    ],
)
def test_fashion_angles(angle, sentence):
    assert_says(prompt("fashion", ["model", "top"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("tight", "head and upper chest only"),
        ("middle", "from head to mid-thigh, well below the waist"),
        ("full", "head to toe, the figure at least 85 % of the height"),
        ("wide", "in a wide shot of the place, the figure a quarter to a third of the height"),
        ("long shot", "in a wide shot of the place, the figure a quarter to a third of the height"),
    ],
)
def test_fashion_shots(shot, sentence):
    assert_says(prompt("fashion", ["model", "top"], shot=shot), f"Fashion campaign photograph, {sentence}: ")


def test_a_flat_lay_is_laid_out_and_seen_from_above():
    text = prompt("fashion", ["top", "pants"], "flat-lay")
    assert_says(text, "a flat lay, everything laid out on one surface and seen from straight above")
    assert_keeps_silent(text, "invisible form", "straight on")


def test_from_behind_no_face_is_asked_for_in_any_sentence():
    text = prompt("fashion", ["model", "bg", "top"], "back", "tight")
    assert_says(
        text, "back of the head and upper back only", "hair colour, proportions and build of the model"
    )
    assert_keeps_silent(text, "face, hair", "eye contact", "chest", "expression")


def test_fashion_model_in_a_place():
    text = prompt("fashion", ["model", "bg"])
    assert_says(
        text,
        "the model of image 2, in a fresh view of the place of image 1 with its architecture, mood and light",
        "light unless asked otherwise.",
        "Kept exactly as shown, save the client's changes: face, hair colour, proportions and build",
        "of the model; their clothes.",
    )
    assert_keeps_silent(text, "studio")
    assert_says(prompt("fashion", ["model", "bg"], wishes=""), "architecture, mood and light. Mood:")


def test_fashion_model_without_a_place_stands_in_a_studio_unless_asked_otherwise():
    text = prompt("fashion", ["model", "top"])
    assert_says(text, "A photo studio", "unless the client says otherwise", "wearing the garment of image 2")
    assert_keeps_silent(text, "fresh view", "their clothes")


def test_fashion_products_without_a_model_show_nobody():
    text = prompt("fashion", ["top", "bag"])
    assert_says(
        text,
        "Product photograph",
        "No person or body part",
        "unless the client asks for one",
        "exactly the garment of image 1 and the bag of image 2",
    )
    assert_keeps_silent(text, "the model", "head to toe", "face")
    assert_says(prompt("fashion", ["top", "bag"], wishes=""), "No person or body part. ")


def test_exactly_one_fashion_product_stands_alone():
    text = prompt("fashion", ["shoes"], shot="close up", of=3, number=1)
    assert_says(
        text,
        "close on the product",
        "the one product of image 1 alone, a pair counting as one, unless asked for more",
    )
    assert_keeps_silent(text, "third", "placement")
    assert_says(
        prompt("fashion", ["shoes"], wishes=""), "the one product of image 1 alone, a pair counting as one. "
    )


# Beauty


def test_beauty_model_and_product_are_a_luxury_advertisement():
    text = prompt("beauty", ["model", "lipstick"])
    assert_says(
        text,
        "Luxury beauty advertisement",
        "the model of image 1 with the product of image 2 in the hand or on a real surface",
        "number, colour, shape and material of the product, lettering letter by letter where visible",
    )
    assert_keeps_silent(text, "60–80 %", "No hand")


def test_a_beauty_model_alone_is_a_head_and_shoulders_portrait():
    face = "the face 60–80 % of the height"
    assert_says(prompt("beauty", ["model"], shot="tight"), f"head and shoulders, {face}: the model")
    assert_says(prompt("beauty", ["model"]), f"{face} unless the client wants more to be seen")
    assert_keeps_silent(prompt("beauty", ["model"], "back"), "the face 60", "skin texture")


def test_an_ordered_shot_wins_over_the_portrait():
    text = prompt("beauty", ["model"], shot="full body")
    assert_says(text, "Beauty portrait photograph, head to toe")
    assert_keeps_silent(text, "60–80 %", "head and shoulders")


def test_beauty_products_alone_are_counted_and_untouched_by_hands():
    text = prompt("beauty", ["cream", "bottle", "compact"])
    assert_says(
        text,
        "exactly the three products of images 1 to 3, each once",
        "No hand or person unless the client asks for one.",
    )
    assert_says(prompt("beauty", ["cream"], wishes=""), "No hand or person. ")
    assert_says(prompt("beauty", ["cream"]), "the product of image 1, exactly one")


# Eats


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("top down", "the camera looking straight down"),
        ("3/4", "looking down at about 45° as a seated guest does"),
        ("macro", "through a macro lens near the surface"),
        ("side", "from the side at table height"),
        ("low angle", "from a low camera at the edge of the table"),
    ],
)
def test_eats_angles(angle, sentence):
    assert_says(prompt("eats", ["food"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("full plate", "the whole plate or bowl from rim to rim"),
        ("hero-shot", "a hero shot with the dish filling two thirds"),
        ("detail", "one telling part of the dish filling most of the picture"),
        ("context", "a wider view of the table, the dish still large"),
        ("full body", "all of the dish, large"),
    ],
)
def test_eats_shots(shot, sentence):
    assert_says(prompt("eats", ["food"], shot=shot), sentence)


def test_the_dish_stays_exactly_as_shown_and_only_what_is_asked_for_is_added():
    assert_says(
        prompt("eats", ["food"], wishes="add steam and chopped scallions, dark table, evening"),
        "the dish of image 1, large and sharp",
        "Kept exactly as shown, save the client's changes: components, portion, arrangement, colours and",
        "tableware of the dish.",
        "Nothing is added but what the client asks for.",
    )


@pytest.mark.parametrize("shot", [shot for shot in PATHS["eats"].shots.spellings if shot != "detail"])
def test_macro_takes_precedence_over_every_wider_crop(shot):
    text = prompt("eats", ["food"], "macro", shot)
    assert_says(text, "one telling part of the dish")
    assert_keeps_silent(text, "large and sharp", "whole plate", "two thirds", "wider view", "all of the dish")


def test_from_straight_above_only_the_surface_of_a_place_is_seen():
    text = prompt("eats", ["food", "bg"], "overhead")
    assert_says(text, "on a surface from the place of image 1")
    assert_keeps_silent(text, "architecture", "fresh view")


def test_is_pre_edited_decides_on_the_look():
    look = {edited: prompt("eats", ["food"], pre_edited=edited) for edited in (True, False, None)}
    editorial = "fresh, appetising texture in warm natural light unless the client names another."
    faithful = "Faithful to how the dish was photographed: colours, texture and kind of light."
    assert [editorial in look[e] for e in (True, False, None)] == [True, False, False]
    assert [faithful in look[e] for e in (True, False, None)] == [False, True, False]
    assert_says(prompt("eats", ["food"], pre_edited=True, wishes=""), "in warm natural light.")
    moved = prompt("eats", ["food", "bg"], pre_edited=False)
    assert_says(moved, "Faithful to the photograph of the dish in colour and texture.")


# Cinema


def test_a_film_still_shows_exactly_the_given_people_and_whoever_is_asked_for():
    text = prompt("cinema", ["actor", "face"], wishes="They meet in a crowded subway, green light")
    assert_says(
        text,
        "Exactly two actors; passers-by only as the client asks, out of focus.",
        "Kept exactly as shown, relit by the scene, save the client's changes: face, hair colour,",
    )
    assert_says(prompt("cinema", ["actor"]), "Exactly one actor;")


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("wide", "in a wide shot, the actors a quarter to a third of the height"),
        ("establishing", "in an establishing shot, the actors small in the whole place"),
        ("over the shoulder", "over one actor's shoulder towards whoever stands opposite"),
    ],
)
def test_cinema_shots_of_its_own(shot, sentence):
    assert_says(prompt("cinema", ["actor", "actor"], shot=shot), sentence)


def test_film_actors_look_into_the_scene():
    assert_keeps_silent(prompt("cinema", ["actor"], "front"), "eye contact")
    assert_keeps_silent(prompt("cinema", [], "front"), "eye contact")


def test_cinema_props_and_clothes_are_kept():
    text = prompt("cinema", ["actor", "top", "prop"])
    assert_says(
        text,
        "wearing the garment of image 2",
        "with the prop of image 3",
        "cut, fabric and colour of the garment",
    )


def test_cinema_without_actors_leaves_people_to_the_text():
    text = prompt("cinema", ["prop"])
    assert_says(text, "People appear only as the client asks.")
    assert_keeps_silent(text, "Exactly", "passers-by")


# Cartoon


@pytest.mark.parametrize(
    ("angle", "sentence"),
    [
        ("front", "straight from the front"),
        ("3/4", "turned by about 45°"),
        ("side", "in true 90° side view"),
        ("low-angle", "from well below eye level"),
        ("high-angle", "from well above eye level"),
    ],
)
def test_cartoon_angles(angle, sentence):
    assert_says(prompt("cartoon", ["character"], angle), sentence)


@pytest.mark.parametrize(
    ("shot", "sentence"),
    [
        ("tight", "head and shoulders only"),
        ("middle", "from the top of the head to below the chest"),
        ("full", "head to toe"),
        ("long shot", "a wide view, small in a telling place"),
    ],
)
def test_cartoon_shots(shot, sentence):
    assert_says(prompt("cartoon", ["character"], shot=shot), sentence)


@pytest.mark.parametrize(
    ("fx", "sentence"),
    [
        ("Speed Lines", "with speed lines"),
        ("impact", "with sharp impact lines radiating from one point"),
        ("aura", "with a glowing aura of energy around the character"),
        ("emotion", "with drawn emotion marks"),
        ("glitter rain", "with the effect “glitter rain”"),
    ],
)
def test_cartoon_effects(fx, sentence):
    assert_says(prompt("cartoon", ["character"], fx=fx), sentence)


@pytest.mark.parametrize("fx", [None, " ", "none", "no effects"])
def test_a_cartoon_without_an_effect_says_nothing_about_them(fx):
    assert prompt("cartoon", ["character"], fx=fx) == prompt("cartoon", ["character"])


def test_characters_stay_recognisable_in_one_drawn_style_or_the_one_the_client_names():
    text = prompt("cartoon", ["character", "model"], wishes="loose watercolour, they fly a kite on a hill")
    assert_says(
        text,
        "face, hair colour, proportions and build of the characters; their design, palette and outfit",
        "One illustration style throughout, never photographic: the client's, else that of drawn references.",
        "Recognisable at once, simplified to that style",
        "Exactly two characters, each once",
    )
    assert_keeps_silent(text, "exactly as shown", "line work")


def test_a_garment_among_the_props_may_replace_the_outfit():
    assert_says(prompt("cartoon", ["character", "top"]), "outfit unless a prop replaces it")
