"""The facts and words about one image that the rules of a brief are chosen and filled in with.

The same pictures and requests always give the same scene; every word a rule may use is in it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quel.core.job import ItemRequest, StageRequest
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import Category, Kind, ProductionPath, Rule, Rules, Vocabulary
from quel.core.prompting.wishes import quotable

NOUNS = {
    "shoes": "shoes",
    "bag": "bag",
    "brush": "brush",
    "garnish": "garnish",
    "topping": "topping",
    "side": "side dish",
}
"""Types that say better than their category what a thing is."""

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Scene:
    """What an image is made of (`facts`) and how to speak of it (`words`, by placeholder)."""

    facts: frozenset[str]
    words: Mapping[str, str]

    def say(self, rule: Rule) -> str:
        """The rule's sentence with its placeholders filled in; what it gives way to before its full stop."""
        said = rule.text.format_map(self.words)
        if not rule.gives_way or "wishes" not in self.facts:
            return said
        return f"{said.removesuffix('.')}{rule.gives_way}{'.' if said.endswith('.') else ''}"

    def every(self, rules: Rules) -> list[str]:
        """The sentences of all rules that hold, in order."""
        return [self.say(rule) for rule in rules if rule.holds(self.facts)]

    def first(self, rules: Rules) -> str | None:
        """The sentence of the first rule that holds."""
        return next((self.say(rule) for rule in rules if rule.holds(self.facts)), None)


def read_scene(
    path: ProductionPath,
    pictures: Sequence[PictureSpec],
    stage: StageRequest,
    item: ItemRequest,
    *,
    wishes: str,
) -> Scene:
    """Gathers the facts (see rules.FACTS) and the words (see rules.PLACEHOLDERS).

    `wishes` are the customer's own words.
    """
    count = Counter(reference.category for picture in pictures for reference in picture.references)
    present = [category for category in path.categories if count[category.name]]
    of_kind = {kind: [category for category in present if category.kind is kind] for kind in Kind}
    people, items = (sum(count[c.name] for c in of_kind[kind]) for kind in (Kind.PEOPLE, Kind.ITEMS))
    facts = frozenset(
        {
            *(category.name for category in present),
            *(f"several-{category.name}" for category in present if count[category.name] > 1),
            *_subject_facts(people, items),
            *([] if present else ["text-only"]),
            *(["several-references"] if people + items + len(of_kind[Kind.PLACE]) > 1 else []),
            "wishes" if wishes else "no-wishes",
            *_word_facts(path.angles, item.angle, "angle"),
            *_word_facts(path.shots, item.shot, "shot"),
            *_fx_fact(path.fx, item.fx),
            *_edit_fact(stage.pre_edited),
            *([] if stage.series is None else ["series"]),
        }
    )
    named = {category.name: _named(category, pictures) for category in present}
    seen = {category.name: seen_in(category, pictures) for category in present}
    words = {
        "people": listed([named[c.name] for c in of_kind[Kind.PEOPLE]]),
        "people_in": listed([f"{named[c.name]} of {seen[c.name]}" for c in of_kind[Kind.PEOPLE]]),
        "items_named": listed([named[c.name] for c in of_kind[Kind.ITEMS]]),
        "items": listed([f"{_exactly(c, count, named)} of {seen[c.name]}" for c in of_kind[Kind.ITEMS]]),
        "angle": quotable(item.angle),
        "shot": quotable(item.shot),
        "fx": quotable(item.fx or ""),
    }
    for category in present:
        words |= {
            category.name: f"{named[category.name]} of {seen[category.name]}",
            f"{category.name}_named": named[category.name],
            f"{category.name}_count": counted(count[category.name], category.one, category.many),
            f"{category.name}_at": seen[category.name],
        }
    words["subject"] = Scene(facts, words).first(path.brief.subject) or "the main subject"
    return Scene(facts, words)


def _subject_facts(people: int, items: int) -> Iterator[str]:
    yield "people" if people else "things" if items else "open"
    if people:
        yield "one-person" if people == 1 else "several-people"
    if items:
        yield "one-item" if items == 1 else "several-items"


def _word_facts(vocabulary: Vocabulary, words: str, what: str) -> list[str]:
    return [vocabulary.find(words) or f"unknown-{what}", f"{what}-ordered"] if words.strip() else []


def _fx_fact(effects: Vocabulary, words: str | None) -> list[str]:
    if not effects.spellings or not (words or "").strip():
        return []  # the other paths know no effects
    effect = effects.find(words)
    return [f"fx:{effect}" if effect else "unknown-fx"]


def _edit_fact(pre_edited: bool | None) -> list[str]:
    return [] if pre_edited is None else ["pre-edited" if pre_edited else "not-pre-edited"]


def _named(category: Category, pictures: Sequence[PictureSpec]) -> str:
    """ "the garments", and for the only one of a category what it is: "the shoes"."""
    own = [r for picture in pictures for r in picture.references if r.category == category.name]
    return f"the {category.many}" if len(own) > 1 else f"the {noun(category, own[0].type)}"


def noun(category: Category, type_: str | None) -> str:
    """What a single reference is called: by its type where that is a word for it, else by its category."""
    return NOUNS.get(type_ or "", category.one)


def _exactly(category: Category, count: Mapping[str, int], named: Mapping[str, str]) -> str:
    number = count[category.name]
    return named[category.name] if number == 1 else f"the {counted(number, category.one, category.many)}"


def seen_in(category: Category, pictures: Sequence[PictureSpec]) -> str:
    """Where the references of a category are seen: "image 2", "images 3 and 4", "images 3 to 6"."""
    numbers = [
        number
        for number, picture in enumerate(pictures, start=1)
        if any(reference.category == category.name for reference in picture.references)
    ]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"images {numbers[0]} to {numbers[-1]}"
    return f"image{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def counted(number: int, one: str, many: str) -> str:
    """A number of things in words: "one garment", "12 garments"."""
    word = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)
    return f"{word} {one if number == 1 else many}"


def listed(parts: Sequence[str]) -> str:
    """An enumeration: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
