"""What is said right before each picture: its number and what it shows."""

from collections import Counter
from collections.abc import Mapping, Sequence

from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import Category, Kind, ProductionPath
from quel.core.prompting.scene import NOUNS, counted, listed, noun

_TELLING = frozenset(
    (
        "top",
        "pants",
        "outer",
        "shoes",
        "bag",
        "lipstick",
        "cream",
        "bottle",
        "compact",
        "brush",
        "topping",
        "garnish",
    )
)
"""Types that name a thing: what of a picture is meant, a dressed person's trousers or all of them."""

_MOST_IN_FULL = 6
"""Pictures; with more, labels say only the category, or they would drown the brief."""


def write_labels(path: ProductionPath, pictures: Sequence[PictureSpec]) -> tuple[str, ...]:
    """A label for each picture, numbered from 1 in sending order: "Image 2: the model."

    Several references in one picture are told apart by their order, row by row. No word of a label is the
    customer's.
    """
    totals = Counter(reference.category for picture in pictures for reference in picture.references)
    before: Counter[str] = Counter()
    labels = []
    for number, picture in enumerate(pictures, start=1):
        labels.append(f"Image {number}: {_shown(path, picture, before, totals)}.")
        before.update(reference.category for reference in picture.references)
    return tuple(labels)


def _shown(
    path: ProductionPath, picture: PictureSpec, before: Mapping[str, int], totals: Mapping[str, int]
) -> str:
    """A picture in words; `before` counts each category's references in the pictures before it."""
    count = Counter(reference.category for reference in picture.references)
    present = [category for category in path.categories if count[category.name]]
    if len(picture.references) > 1:
        parts = listed([_part(category, picture, totals) for category in present])
        return f"{parts}, each on its own, row by row"
    (category,), (reference,) = present, picture.references
    if totals[category.name] == 1 and reference.type in NOUNS:
        return f"the {noun(category, reference.type)} ({category.one})"
    name = _one_of(category, before, totals)
    if sum(totals.values()) > _MOST_IN_FULL:
        return f"{name}; {category.note}" if category.kind is Kind.GUIDE else name
    thing = f" ({reference.type})" if reference.type in _TELLING else ""
    return f"{name}{thing}{category.note and f'; {category.note}'}"


def _one_of(category: Category, before: Mapping[str, int], totals: Mapping[str, int]) -> str:
    if totals[category.name] == 1:
        return f"the {category.one}"
    return f"{category.one} {before[category.name] + 1}" if category.kind is Kind.PEOPLE else category.one


def _part(category: Category, picture: PictureSpec, totals: Mapping[str, int]) -> str:
    own = [reference for reference in picture.references if reference.category == category.name]
    several = totals[category.name] > 1
    name = counted(len(own), category.one, category.many) if several else f"the {noun(category, own[0].type)}"
    return f"{name} ({category.note})" if category.kind is Kind.GUIDE else name
