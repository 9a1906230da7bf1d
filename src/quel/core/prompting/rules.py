"""The shape of a production path: what a path file fills in, checked when the file is loaded.

A path is data. Its brief is made of rules; a rule is spoken when all facts of its `when` hold and none of its
`unless` do. A fact is one word about the image to be made: a category that is present ("dishes", and
"several-dishes" from two on), the angle, the shot, the effect ("fx:aura"), or one of FACTS. An angle or shot
that nobody ordered is no fact, so no rule can make an order of it. A wrong word in a rule is an error at
import, never a silent rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from string import Formatter
from typing import Self

from quel.core.prompting.picture import Reference

FACTS = {
    "people": "someone is shown in the references",
    "things": "items are shown in the references, and no people",
    "open": "neither people nor items are shown: the customer's text alone decides on the subject",
    "text-only": "no reference at all",
    "several-references": "two references or more are shown, guides apart",
    "one-person": "exactly one person is shown",
    "several-people": "two people or more are shown",
    "one-item": "exactly one item is shown",
    "several-items": "two items or more are shown",
    "series": "several images are ordered as one series: one set, light and grade",
    "wishes": "the customer wrote something of their own",
    "no-wishes": "they did not",
    "angle-ordered": "the input names an angle",
    "shot-ordered": "the input names a shot",
    "unknown-angle": "the angle is not in the path's vocabulary and is passed on in the customer's words",
    "unknown-shot": "the same for the shot",
    "unknown-fx": "the same for the effect",
    "pre-edited": "isPreEdited is true",
    "not-pre-edited": "isPreEdited is false (neither of the two when the input does not say)",
}

PLACEHOLDERS = {
    "subject": "what the picture is about, from the path's own `subject` rules",
    "people": "'the actors'",
    "people_in": "the same with their pictures: 'the actors of images 2 and 3'",
    "items_named": "'the garments and the accessory'",
    "items": "the items, counted and with their pictures: 'the two garments of images 1 and 2'",
    "angle": "the customer's own words for the angle",
    "shot": "the customer's own words for the shot",
    "fx": "the customer's own words for the effect",
}
"""What a rule's text may name in braces; besides these, in rules that have the category in `when`:
`{category}` ("the garments of images 3 and 4"), `{category_named}` ("the garments"),
`{category_count}` ("two garments") and `{category_at}` ("images 3 and 4")."""


class Kind(Enum):
    """What a category's pictures are for."""

    PLACE = "where it happens"
    PEOPLE = "who is in it"
    ITEMS = "what is in it"
    GUIDE = "how it looks; nothing of it is shown"
    MASK = "which parts of the first picture are meant"


class Keep(Enum):
    """Which references stay when more than a category's limit are given."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True)
class Category:
    """A use a path has for references.

    `types` are lower case; `one` and `many` name its references in the prompt ("garment", "garments");
    `note` is a clause of the label on what is taken from them; `at_most` None means no limit. Where the model
    takes too few pictures, the `small` ones are the first to share one. Without a picture of a `required`
    category nothing is made.
    """

    name: str
    kind: Kind
    types: tuple[str, ...]
    one: str
    many: str
    note: str = ""
    small: bool = False
    at_most: int | None = None
    keep: Keep = Keep.FIRST
    required: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """A path's own words, each with the other spellings people use for it."""

    spellings: Mapping[str, tuple[str, ...]]
    _known: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {_folded(s): word for word, others in self.spellings.items() for s in (word, *others)}
        object.__setattr__(self, "_known", known)

    def find(self, words: str | None) -> str | None:
        """The path's own word for `words`, or None when it has none.

        Case, blanks, hyphens and other punctuation do not matter, nor does an added "view", "shot" or
        "angle": "Close-Up shot" finds what "closeup" finds.
        """
        key = _folded(words or "")
        shortened = (key.removesuffix(added) for added in ("view", "shot", "angle"))
        return next((self._known[k] for k in (key, *shortened) if k in self._known), None)


def _folded(words: str) -> str:
    return "".join(letter for letter in words.casefold() if letter.isalnum() or letter == "/")


@dataclass(frozen=True)
class Rule:
    """A sentence of a prompt and the facts it depends on, each a word: all of `when`, none of `unless`.

    `gives_way` is added where the customer wrote something: the sentence is a default of ours.
    """

    text: str
    when: str = ""
    unless: str = ""
    gives_way: str = ""
    _needed: frozenset[str] = field(init=False, repr=False, compare=False)
    _barred: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_needed", frozenset(self.when.split()))
        object.__setattr__(self, "_barred", frozenset(self.unless.split()))

    def holds(self, facts: frozenset[str]) -> bool:
        """Whether the sentence belongs into a prompt with these facts."""
        return self._needed <= facts and self._barred.isdisjoint(facts)


Rules = tuple[Rule, ...]


@dataclass(frozen=True)
class BriefRules:
    """What a path says, by its place in the brief.

    The first sentence is `medium`, the ordered view (`angle`, `framing`, `fx`), then `cast`: "Film still,
    from behind: the actor of image 2, set in the place of image 1." In `subject`, `medium`, `angle`,
    `framing` and `fx` the first rule that holds speaks alone, so alternatives cannot contradict each other;
    of the others all that hold speak. `mood` stands where the customer wrote nothing. `kept` and `free` are
    lists of things after the words `kept_as` and "Free:"; `craft` may be left
    out where words run short; `variations` are axes (pose, light, …): of each axis one rule that
    holds is chosen for an image.
    """

    picture: str
    subject: Rules
    medium: Rules
    angle: Rules
    framing: Rules
    cast: Rules
    mood: str
    scene: Rules
    kept: Rules
    craft: Rules
    free: Rules
    variations: tuple[Rules, ...]
    fx: Rules = ()
    kept_as: str = "Kept exactly as shown"

    @classmethod
    def none(cls) -> Self:
        """Of a path whose briefs are written by a function of its own."""
        return cls("", (), (), (), (), (), "", (), (), (), (), ())

    def __iter__(self) -> Iterator[Rule]:
        for section in (
            *(self.subject, self.medium, self.angle, self.framing, self.fx, self.cast, self.scene),
            *(self.kept, self.craft, self.free, *self.variations),
        ):
            yield from section


@dataclass(frozen=True)
class ProductionPath:
    """One production path, whole. `categories` stand in sending order: place, people, items, guides.

    `untyped` is the category of pictures without a type, `unknown` that of types the path does not know
    (None: such pictures are left out). `left_out_by_shot` names, for a shot of people, the types it cannot
    show. With `pre_edited_stays_near` isPreEdited asks for the one picture itself, not for a new one.
    Raises ValueError, naming the path and the word, when a part speaks of something that is not there.
    """

    name: str
    categories: tuple[Category, ...]
    untyped: str
    angles: Vocabulary
    shots: Vocabulary
    brief: BriefRules
    unknown: str | None = None
    fx: Vocabulary = field(default_factory=lambda: Vocabulary({}))
    left_out_by_shot: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pre_edited_stays_near: bool = False

    def __post_init__(self) -> None:
        names = {category.name for category in self.categories}
        self._require(names, (self.untyped, *((self.unknown,) if self.unknown else ())), "category")
        self._require(self.shots.spellings, self.left_out_by_shot, "shot")
        types = [type_ for category in self.categories for type_ in category.types]
        self._require({t for t in types if types.count(t) == 1}, types, "type of exactly one category")
        for rule in self.brief:
            self._require(self.known_facts(), f"{rule.when} {rule.unless}".split(), "fact")
            present = names.intersection(fact.removeprefix("several-") for fact in rule.when.split())
            own = {f"{name}{form}" for name in present for form in ("", "_named", "_count", "_at")}
            allowed = PLACEHOLDERS.keys() | own
            used = [name for _, name, _, _ in Formatter().parse(rule.text) if name is not None]
            self._require(allowed, used, f"placeholder in the rule {rule.text!r}")

    def _require(self, known: Iterable[str], words: Iterable[str], what: str) -> None:
        strange = sorted(set(words).difference(known))
        if strange:
            raise ValueError(f"Path {self.name!r}: {', '.join(map(repr, strange))} is no {what}.")

    def known_facts(self) -> frozenset[str]:
        """Every word this path's rules may depend on."""
        names = {category.name for category in self.categories}
        effects = {f"fx:{effect}" for effect in self.fx.spellings}
        several = {f"several-{name}" for name in names}
        return frozenset(names.union(several, FACTS, self.angles.spellings, self.shots.spellings, effects))

    def category_of(self, type_: str | None) -> Category | None:
        """The category of a lower-case type, or of a picture without one; None means it is left out."""
        if type_ is None:
            return self.category(self.untyped)
        mapped = next((category for category in self.categories if type_ in category.types), None)
        return mapped or (self.category(self.unknown) if self.unknown else None)

    def lacking(self, usable: Iterable[Reference]) -> str | None:
        """The required pictures that are not among the usable, in words."""
        shown = {reference.category for reference in usable}
        missing = [f"the {c.one}" for c in self.categories if c.required and c.name not in shown]
        return " and ".join(missing) or None

    def category(self, name: str) -> Category:
        """The category of that name. Raises KeyError for a name the path does not have."""
        return {category.name: category for category in self.categories}[name]
