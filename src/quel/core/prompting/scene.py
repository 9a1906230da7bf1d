"""The facts and words about one image that the rules of a prompt are chosen and filled in with.

The same pictures and requests always give the same scene; every word a rule may use is in it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quel.core.job import ItemRequest, StageRequest
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import Category, Kind, ProductionPath, Rule, Rules, Vocabulary

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Scene:
    """What an image is made of (`facts`) and how to speak of it (`words`, by placeholder)."""

    facts: frozenset[str]
    words: Mapping[str, str]

    def say(self, rule: Rule) -> str:
        """The rule's sentence with its placeholders filled in."""
        return rule.text.format_map(self.words)

    def every(self, rules: Rules) -> list[str]:
        """The sentences of all rules that hold, in order."""
        return [self.say(rule) for rule in rules if rule.holds(self.facts)]

    def first(self, rules: Rules) -> str | None:
        """The sentence of the first rule that holds."""
        return next(iter(self.every(rules)), None)


def read_scene(
    path: ProductionPath, pictures: Sequence[PictureSpec], stage: StageRequest, item: ItemRequest
) -> Scene:
    """Gathers the facts (see paths.base.FACTS) and the words (see paths.base.PLACEHOLDERS)."""
    count = Counter(reference.category for picture in pictures for reference in picture.references)
    present = [category for category in path.categories if count[category.name]]
    people = [category for category in present if category.kind is Kind.PEOPLE]
    items = [category for category in present if category.kind is Kind.ITEMS]
    facts = frozenset(
        {
            *(category.name for category in present),
            *(f"several-{category.name}" for category in present if count[category.name] > 1),
            *_subject_facts(sum(count[c.name] for c in people), sum(count[c.name] for c in items)),
            *([] if present else ["text-only"]),
            *_word_fact(path.angles, item.angle, "unknown-angle"),
            *_word_fact(path.shots, item.shot, "unknown-shot"),
            *_fx_fact(path.fx, item.fx),
            *_edit_fact(stage.pre_edited),
        }
    )
    places = {category.name: _place(category, pictures) for category in present}
    counts = {f"{c.name}_count": counted(count[c.name], c.one, c.many) for c in present}
    words = {
        **places,
        **counts,
        "picture": path.prompt.picture,
        "references": "the reference" if count.total() == 1 else "all the references together",
        "people": counted(sum(count[c.name] for c in people), "person", "people"),
        "people_named": listed([f"{_the(c, count[c.name])} in {places[c.name]}" for c in people]),
        "items": listed([counts[f"{c.name}_count"] for c in items]),
        "angle": _quotable(item.angle),
        "shot": _quotable(item.shot),
        "fx": _quotable(item.fx or ""),
    }
    words["subject"] = Scene(facts, words).first(path.prompt.subject) or "the main subject"
    return Scene(facts, words)


def _subject_facts(people: int, items: int) -> Iterator[str]:
    yield "people" if people else "things" if items else "open"
    if people:
        yield "one-person" if people == 1 else "several-people"
    if items:
        yield "one-item" if items == 1 else "several-items"


def _word_fact(vocabulary: Vocabulary, words: str, unknown: str) -> list[str]:
    return [vocabulary.find(words) or unknown] if words.strip() else []


def _fx_fact(effects: Vocabulary, words: str | None) -> list[str]:
    if not effects.spellings or not (words or "").strip():
        return []  # the other paths know no effects
    effect = effects.find(words)
    return [f"fx:{effect}" if effect else "unknown-fx"]


def _edit_fact(pre_edited: bool | None) -> list[str]:
    return [] if pre_edited is None else ["pre-edited" if pre_edited else "not-pre-edited"]


def _place(category: Category, pictures: Sequence[PictureSpec]) -> str:
    """Where the references of a category are seen: "image 2 and image 3 (cell 1)"."""
    places = []
    for number, picture in enumerate(pictures, start=1):
        cells = cells_of(category, picture)
        if cells:
            alone = len(cells) == len(picture.references)
            places.append(f"image {number}" if alone else f"image {number} ({cell_span(cells)})")
    return listed(places)


def cells_of(category: Category, picture: PictureSpec) -> list[int]:
    """The cells of a picture, counted from 1, that show references of a category."""
    return [i for i, r in enumerate(picture.references, start=1) if r.category == category.name]


def cell_span(cells: Sequence[int]) -> str:
    """Neighbouring cells in words: "cell 3", "cells 1 to 4"."""
    if len(cells) < 3:
        return f"cell{'s' if len(cells) > 1 else ''} {' and '.join(map(str, cells))}"
    return f"cells {cells[0]} to {cells[-1]}"


def counted(number: int, one: str, many: str) -> str:
    """A number of things in words: "one garment", "12 garments"."""
    word = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)
    return f"{word} {one if number == 1 else many}"


def listed(parts: Sequence[str]) -> str:
    """An enumeration: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _the(category: Category, number: int) -> str:
    return f"the {category.one}" if number == 1 else f"the {counted(number, category.one, category.many)}"


def _quotable(words: str) -> str:
    """The customer's words as they stand between double quotes: on one line, with single quotes inside."""
    return " ".join(words.split()).replace('"', "'")
