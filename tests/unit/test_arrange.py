"""Arranging references: the order pictures are sent in, the shot filter, and grids that save pictures."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.paths import PATHS
from quel.core.prompting.picture import Arrangement, Reference
from quel.core.prompting.references import arrange


def references(path: str, *types: str) -> list[Reference]:
    found = []
    for number, type_ in enumerate(types, start=1):
        category = PATHS[path].category_of(type_)
        assert category is not None, type_
        found.append(Reference(number, type_, category.name, f"uploadedAttachIds[{number - 1}]"))
    return found


def arranged(path: str, types: Sequence[str], shot: str = "full", max_pictures: int = 14) -> Arrangement:
    return arrange(PATHS[path], references(path, *types), shot, max_pictures=max_pictures)


def shown(arrangement: Arrangement) -> list[tuple[str, list[str | None]]]:
    return [(p.category, [reference.type for reference in p.references]) for p in arrangement.pictures]


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        (
            "fashion",
            ["bag", "top", "model", "pants", "bg"],
            [
                ("background", ["bg"]),
                ("model", ["model"]),
                ("clothing", ["top"]),
                ("clothing", ["pants"]),
                ("accessories", ["bag"]),
            ],
        ),
        (
            "beauty",
            ["brush", "cream", "model", "bg", "bottle"],
            [
                ("background", ["bg"]),
                ("model", ["model"]),
                ("products", ["cream"]),
                ("products", ["bottle"]),
                ("accessories", ["brush"]),
            ],
        ),
        (
            "eats",
            ["garnish", "side", "food", "bg", "dish"],
            [
                ("background", ["bg"]),
                ("dishes", ["food"]),
                ("dishes", ["dish"]),
                ("ingredients", ["side"]),
                ("props", ["garnish"]),
            ],
        ),
        (
            "cinema",
            ["bag", "actor", "top", "face", "bg", "prop"],
            [
                ("background", ["bg"]),
                ("actors", ["actor"]),
                ("actors", ["face"]),
                ("clothing", ["top"]),
                ("props", ["bag"]),
                ("props", ["prop"]),
            ],
        ),
        (
            "cartoon",
            ["style", "top", "character", "pose", "model", "bg"],
            [
                ("background", ["bg"]),
                ("characters", ["character"]),
                ("characters", ["model"]),
                ("props", ["top"]),
                ("pose", ["pose"]),
                ("style", ["style"]),
            ],
        ),
    ],
)
def test_place_people_items_and_guides_are_sent_one_by_one_in_this_order(
    path: str, given: list[str], expected: list[tuple[str, list[str]]]
) -> None:
    assert shown(arranged(path, given)) == expected


def test_no_references_at_all_is_no_problem() -> None:
    assert arranged("fashion", [], "tight") == Arrangement(())


@pytest.mark.parametrize(
    ("shot", "expected"),
    [
        ("tight", ["top", "bag"]),
        ("Close-Up", ["top", "bag"]),
        ("middle", ["top", "pants", "bag"]),
        ("half body", ["top", "pants", "bag"]),
        ("full body", ["top", "pants", "shoes", "bag"]),
        ("something else", ["top", "pants", "shoes", "bag"]),
        ("", ["top", "pants", "shoes", "bag"]),
    ],
)
def test_fashion_leaves_out_what_a_shot_of_a_model_cannot_show(shot: str, expected: list[str]) -> None:
    pictures = arranged("fashion", ["model", "top", "pants", "shoes", "bag"], shot).pictures
    assert [r.type for p in pictures for r in p.references] == ["model", *expected]


@pytest.mark.parametrize("shot", ["tight", "middle", "full"])
def test_without_a_model_a_close_up_of_shoes_is_an_order(shot: str) -> None:
    assert shown(arranged("fashion", ["shoes", "pants"], shot)) == [
        ("clothing", ["pants"]),
        ("accessories", ["shoes"]),
    ]


@pytest.mark.parametrize("path", ["cinema", "cartoon"])
def test_other_paths_have_no_shot_filter(path: str) -> None:
    assert len(arranged(path, ["shoes", "pants"], "tight").pictures[-1].references) >= 1
    assert sum(len(p.references) for p in arranged(path, ["shoes", "pants"], "tight").pictures) == 2


def test_a_shot_that_leaves_nothing_is_a_problem_with_a_reason() -> None:
    path = replace(PATHS["fashion"], left_out_by_shot={"tight": frozenset({"model", "shoes"})})
    given = references("fashion", "shoes", "model")
    arrangement = arrange(path, given, " Tight ", max_pictures=14)
    assert arrangement.pictures == ()
    assert arrangement.problem == (
        'The shot "Tight" does not show model and shoes, and no other reference is left: '
        "choose a wider shot or add a reference."
    )
    assert arrange(path, given, "full", max_pictures=14).problem is None


@pytest.mark.parametrize(
    ("path", "given", "shared"),
    [
        ("fashion", ["model", *["top"] * 10, *["bag"] * 6], ("accessories", 4)),
        ("fashion", ["model", *["top"] * 12, "bag", "shoes"], ("accessories", 2)),
        ("fashion", ["model", *["top"] * 16], ("clothing", 4)),
        ("eats", ["bg", *["food"] * 6, *["side"] * 4, *["prop"] * 6], ("props", 4)),
        ("eats", ["bg", *["food"] * 12, "side", "prop"], ("ingredients and props", 2)),
        ("beauty", ["cream"] * 15, ("products", 2)),
    ],
)
def test_only_what_exceeds_the_models_number_shares_a_picture_smallest_roles_first(
    path: str, given: list[str], shared: tuple[str, int]
) -> None:
    pictures = arranged(path, given).pictures
    assert len(pictures) == 14
    assert [(p.category, len(p.references)) for p in pictures if p.is_grid] == [shared]


def test_people_and_the_place_share_no_picture_while_items_can() -> None:
    given = ["bg", "actor", "actor", "actor", *["top"] * 20, *["prop"] * 20]
    pictures = arranged("cinema", given).pictures
    alone = {category for picture in pictures if not picture.is_grid for category in [picture.category]}
    assert {"background", "actors"} <= alone
    assert sum(picture.category == "actors" for picture in pictures) == 3


def test_styles_share_a_picture_of_their_own() -> None:
    arrangement = arranged("fashion", ["bg", "model", "top", "style", "mood", "look"], max_pictures=4)
    assert shown(arrangement)[-1] == ("style", ["style", "mood", "look"])


def test_three_pictures_put_the_item_categories_into_one_grid() -> None:
    arrangement = arranged("fashion", ["bg", "model", "top", "pants", "bag"], max_pictures=3)
    assert shown(arrangement) == [
        ("background", ["bg"]),
        ("model", ["model"]),
        ("clothing and accessories", ["top", "pants", "bag"]),
    ]


def test_only_as_many_categories_are_merged_as_must_be() -> None:
    arrangement = arranged("eats", ["bg", "food", "side", "prop"], max_pictures=3)
    assert [p.category for p in arrangement.pictures] == ["background", "dishes", "ingredients and props"]


def test_people_share_a_grid_only_after_the_items_do() -> None:
    given = ["bg", "actor", "actor", "actor", "top", "prop"]
    categories = {
        most: [(p.category, len(p.references)) for p in arranged("cinema", given, max_pictures=most).pictures]
        for most in (5, 4, 3, 2, 1)
    }
    assert categories == {
        5: [("background", 1), ("actors", 1), ("actors", 1), ("actors", 1), ("clothing and props", 2)],
        4: [("background", 1), ("actors", 1), ("actors", 2), ("clothing and props", 2)],
        3: [("background", 1), ("actors", 3), ("clothing and props", 2)],
        2: [("background", 1), ("actors and clothing and props", 5)],
        1: [("background and actors and clothing and props", 6)],
    }


def test_at_least_one_picture_is_sent_whatever_the_limit() -> None:
    assert len(arranged("cartoon", ["bg", "model", "prop"], max_pictures=0).pictures) == 1


@given(
    path=st.sampled_from(sorted(PATHS)),
    data=st.data(),
    most=st.integers(1, 14),
)
def test_merging_loses_nothing_keeps_the_order_and_the_limit(
    path: str, data: st.DataObject, most: int
) -> None:
    types = [t for category in PATHS[path].categories for t in category.types]
    given = data.draw(st.lists(st.sampled_from(types), max_size=10))
    wide = arranged(path, given)
    narrow = arranged(path, given, max_pictures=most)
    assert len(narrow.pictures) <= most
    assert [r for p in narrow.pictures for r in p.references] == [
        r for p in wide.pictures for r in p.references
    ]
    if len(wide.pictures) <= most:
        assert narrow == wide
