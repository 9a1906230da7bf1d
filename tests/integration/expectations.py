"""What the provider must be shown for a job's references, from the product's own rules, in a table.

Written down independently of quel's code: the mapping of types, the order of sending, the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

ONE, UP_TO_THREE, EACH = "the last one given", "one image each, at most three", "one image each"

BACKGROUND = ("background", ONE, ("background", "bg"))

GUIDES = [("pose", ONE, ("pose",)), ("style", UP_TO_THREE, ("style", "mood", "look"))]

SENT: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    # path: (category, how it is shown, its types), in the order of sending
    "fashion": [
        BACKGROUND,
        ("model", ONE, ("model",)),
        ("clothing", EACH, ("top", "pants", "outer")),
        ("accessories", EACH, ("shoes", "bag", "accessory", "acce", "product", "none")),
        *GUIDES,
    ],
    "beauty": [
        BACKGROUND,
        ("model", ONE, ("model",)),
        (
            "products",
            EACH,
            (
                "product",
                "lipstick",
                "cream",
                "bottle",
                "compact",
                "cosmetic",
                "skincare",
                "makeup",
                "none",
                "gizmo",  # anything else is a product
            ),
        ),
        ("accessories", EACH, ("brush", "tool", "acce", "accessory")),
        *GUIDES,
    ],
    "eats": [
        BACKGROUND,
        ("dishes", EACH, ("food", "dish", "main", "model", "product", "none")),
        ("ingredients", EACH, ("ingredient", "side")),
        ("props", EACH, ("prop", "topping", "garnish", "acce", "accessory")),
        *GUIDES,
    ],
    "cinema": [
        BACKGROUND,
        ("actors", UP_TO_THREE, ("actor", "model", "character", "face")),
        ("clothing", EACH, ("top", "pants", "outer")),
        ("props", EACH, ("prop", "shoes", "bag", "accessory", "acce", "product", "none")),
        *GUIDES,
    ],
    "cartoon": [
        BACKGROUND,
        ("characters", UP_TO_THREE, ("character", "model", "face")),
        (
            "props",
            EACH,
            ("prop", "top", "pants", "outer", "shoes", "bag", "accessory", "acce", "product", "none"),
        ),
        *GUIDES,
    ],
}

UNTYPED = {
    "fashion": "clothing",
    "beauty": "products",
    "eats": "dishes",
    "cinema": "props",
    "cartoon": "props",
}

WORDS = {
    # how a prompt may call a picture of the category
    "background": ("background", "location"),
    "model": ("model",),
    "clothing": ("garment", "cloth"),
    "accessories": ("accessor", "tool"),
    "products": ("product",),
    "dishes": ("dish",),
    "ingredients": ("ingredient",),
    "props": ("prop",),
    "actors": ("actor",),
    "characters": ("character",),
    "pose": ("posture only",),
    "style": ("palette, light and grain only",),
}

SIZES = {
    # of what quel draws for a ratio, in pixels
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}

HIDDEN_BY_SHOT = {"tight": {"pants", "shoes"}, "middle": {"shoes"}}
"""Fashion alone: types a shot of a model cannot show."""

UNKNOWN = "hologram"
"""A type that no path but beauty has a use for."""


@dataclass(frozen=True)
class Picture:
    """One picture the provider gets: its category and the position of its reference in the input."""

    category: str
    reference: int


def expected_pictures(path: str, types: Sequence[str | None], shot: str = "full") -> list[Picture]:
    """What is sent for references of these types, in order."""
    hidden = HIDDEN_BY_SHOT.get(shot, set()) if path == "fashion" and "model" in types else set()
    of_category: dict[str, list[int]] = {}
    for position, type_ in enumerate(types):
        if type_ is None or type_.strip().lower() not in hidden:
            of_category.setdefault(category_of(path, type_), []).append(position)
    pictures = []
    for category, how, _ in SENT[path]:
        own = of_category.get(category, [])
        kept = {ONE: own[-1:], UP_TO_THREE: own[:3], EACH: own}[how]
        pictures += [Picture(category, position) for position in kept]
    return pictures


def left_out(path: str, types: Sequence[str | None]) -> set[int]:
    """The positions of what the path has no use for or no room for."""
    shown = {picture.reference for picture in expected_pictures(path, types)}
    return set(range(len(types))) - shown


def category_of(path: str, type_: str | None) -> str:
    """The category of a type as the input spells it; empty where the path does not know it."""
    if type_ is None:
        return UNTYPED[path]
    folded = type_.strip().lower()
    known = next((category for category, _, types in SENT[path] if folded in types), "")
    return known or ("products" if path == "beauty" else "")


def situations(path: str) -> dict[str, list[str | None]]:
    """The types of the references in every situation worth telling apart."""
    people = next((types for _, how, types in SENT[path][1:] if how != EACH), ())
    lists = [types for _, how, types in SENT[path] if how == EACH]
    main = lists[0]
    every_list = [type_ for types in lists for type_ in types[:2]]
    found: dict[str, list[str | None]] = {
        "text only": [],
        "one thing": [main[0]],
        "three things of one list": [*main[:1] * 2, main[-1]],
        "two things of every list": list(every_list),
        "background alone": ["bg"],
        "background and a thing": [main[0], "background"],
        "two backgrounds": ["background", main[0], "bg"],
        "no type": [None],
        "no type among types": [main[0], None],
        "every type of every list": [type_ for types in lists for type_ in types],
        "odd spelling": [f"  {main[0].upper()} ", " BackGround"],
        "unknown type among known": [UNKNOWN, main[0]],
        "guides": ["Style", main[0], "pose"],
    }
    if people:
        found |= {
            "somebody alone": [people[0]],
            "somebody in a place": ["background", people[0]],
            "somebody with a thing": [main[0], people[-1]],
            "four people": [*people[:2], people[0], people[-1]],
            "everything together": [*every_list, *people[:3], "background"],
        }
    return found
