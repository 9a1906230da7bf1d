"""Every prompt there can be: path × references × angle × shot; effect, edit, guides, takes, series mixed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, product

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, StageRequest
from quel.core.paths import PATHS, ProductionPath
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import PictureSpec, Reference
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange
from quel.core.prompting.rules import Kind

WISHES = 'Spring in {Kyoto}, "봄", a\nKirschblüte – image 77, 4 panels'
TAKES = 31  # more than the longest axis of variation has options, and in step with no other cycle
UNKNOWN_ANGLE, UNKNOWN_SHOT, UNKNOWN_FX = "dutch tilt", "knees up", "confetti"
NEGATION = re.compile(r"(?i)\b(?:no|not|never|nothing|none|nobody|neither|nor|without|cannot)\b|n['’]t\b")


@dataclass(frozen=True)
class Case:
    """One prompt and what it was made of."""

    path: str
    pictures: tuple[PictureSpec, ...]
    angle: str
    shot: str
    fx: str | None
    pre_edited: bool | None
    wishes: str
    labels: tuple[str, ...]
    brief: str
    in_series: bool = False

    @cached_property
    def own_words(self) -> str:
        """All that is said, without the customer's text."""
        return "\n".join((*self.labels, self.brief.replace(self.wishes, "") if self.wishes else self.brief))

    @property
    def given(self) -> list[Reference]:
        return [reference for picture in self.pictures for reference in picture.references]

    def shows(self, kind: Kind) -> bool:
        return any(PATHS[self.path].category(reference.category).kind is kind for reference in self.given)

    def __str__(self) -> str:
        shown = [picture.category for picture in self.pictures]
        return f"{self.path} {shown} {self.angle!r} {self.shot!r} {self.fx}\n{self.labels}\n{self.brief}"


def matrix() -> list[Case]:
    """All of it, in the same order every time."""
    return [case for path in PATHS.values() for case in cases(path)]


def cases(path: ProductionPath) -> Iterator[Case]:
    """The cases of one path."""
    effects = cycle([None, *path.fx.spellings, UNKNOWN_FX] if path.fx.spellings else [None])
    edits = cycle([None, True, False] if path.name == "eats" else [None])
    guides = cycle([(), ("pose", "style"), (), (), ("style",)])
    wishes = cycle([WISHES] * 10 + ["best quality, masterpiece"])
    series = cycle([None, None, None, 0])
    angles = ("", *path.angles.spellings, UNKNOWN_ANGLE)
    numbers, limits = cycle(range(TAKES)), cycle((14, 3, 14, 14, 3, 14, 14))
    for shot, counts, angle in product(("", *path.shots.spellings, UNKNOWN_SHOT), situations(path), angles):
        given = references(path, counts | dict.fromkeys(next(guides), 1))
        pictures = arrange(path, given, shot, max_pictures=next(limits)).pictures
        said, fx, edited, one = next(wishes), next(effects), next(edits), next(series)
        item = ItemRequest(angle, shot, TAKES, fx)
        stage = StageRequest(said, AspectRatio(21, 9), (), (item,), pre_edited=edited, series=one)
        brief = write_prompt(path, pictures, stage, item, number=next(numbers), of=TAKES)
        own = said if said == WISHES else ""
        labels = write_labels(path, pictures)
        yield Case(path.name, pictures, angle, shot, fx, edited, own, labels, brief, one is not None)


def situations(path: ProductionPath) -> Iterator[dict[str, int]]:
    """How many references of each category: every mix of place, head count and items worth telling apart."""
    by_kind = {kind: [c for c in path.categories if c.kind is kind] for kind in Kind}
    items = [category.name for category in by_kind[Kind.ITEMS]]
    places = [{}, *({c.name: 1} for c in by_kind[Kind.PLACE])]
    people = [{}, *({c.name: n} for c in by_kind[Kind.PEOPLE] for n in range(1, (c.at_most or 1) + 1))]
    things = [
        {},
        *({name: 1} for name in items),
        {items[0]: 2},
        dict.fromkeys(items, 1),
        dict.fromkeys(items, 2),
    ]
    for place, cast, given in product(places, people, things):
        yield {**place, **cast, **given}


def references(path: ProductionPath, counts: dict[str, int]) -> list[Reference]:
    """References of these numbers, their types in turn."""
    kinds = [(path.category(name), n) for name, count in counts.items() for n in range(count)]
    return [
        Reference(100 + i, category.types[n % len(category.types)], category.name, f"key[{i}]")
        for i, (category, n) in enumerate(kinds)
    ]
