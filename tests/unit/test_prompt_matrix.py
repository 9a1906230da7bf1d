"""What holds for every prompt there can be: path × references × angle × shot × effect × edit × merging.

The whole matrix is written once; each test reads all of it and reports the first cells that break a rule.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import pytest

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, StageRequest
from quel.core.paths import PATHS, ProductionPath
from quel.core.paths.base import Kind
from quel.core.picture import PictureAsk, Reference
from quel.core.prompt import write_prompt
from quel.core.references import arrange

WISHES = '  Spring in {Kyoto}, "봄",\nKirschblüte – image 77, 4 panels '
TAKES = 30  # more than the longest axis of variation has options


@dataclass(frozen=True)
class Cell:
    """One prompt and what it was made of."""

    path: str
    pictures: tuple[PictureAsk, ...]
    angle: str
    shot: str
    fx: str | None
    pre_edited: bool | None
    prompt: str

    @property
    def own_words(self) -> str:
        """The prompt without the customer's text."""
        return self.prompt.replace(WISHES, "")

    def __str__(self) -> str:
        return f"{self.path} {[p.category for p in self.pictures]} {self.angle} {self.shot} {self.fx}"


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
    kinds = [(path.category(name), n) for name, count in counts.items() for n in range(count)]
    return [
        Reference(100 + i, category.types[n % len(category.types)], category.name, f"key[{i}]")
        for i, (category, n) in enumerate(kinds)
    ]


def arrangements(path: ProductionPath, shot: str) -> Iterator[tuple[PictureAsk, ...]]:
    for counts in situations(path):
        given = references(path, counts)
        found = {arrange(path, given, shot, max_pictures=most).pictures for most in (14, 3, 1)}
        yield from (pictures for pictures in found if pictures or not given)


def cells(path: ProductionPath) -> Iterator[Cell]:
    effects = [None, *path.fx.spellings, "confetti"] if path.fx.spellings else [None]
    edits = [None, True, False] if path.name == "eats" else [None]
    number = 0
    for shot in (*path.shots.spellings, "knees up"):
        for pictures, angle, fx, edited in product(
            arrangements(path, shot), (*path.angles.spellings, "dutch tilt"), effects, edits
        ):
            number += 1
            stage = StageRequest(WISHES, AspectRatio(21, 9), (), (), pre_edited=edited)
            item = ItemRequest(angle, shot, TAKES, fx)
            prompt = write_prompt(path, pictures, stage, item, number=number % TAKES, of=TAKES)
            yield Cell(path.name, pictures, angle, shot, fx, edited, prompt)


@pytest.fixture(scope="module")
def matrix() -> list[Cell]:
    return [cell for path in PATHS.values() for cell in cells(path)]


def assert_all(matrix: list[Cell], rule: Callable[[Cell], bool]) -> None:
    broken = [cell for cell in matrix if not rule(cell)]
    assert not broken, f"{len(broken)} of {len(matrix)}, first: {broken[0]}\n{broken[0].prompt}"


def references_of(cell: Cell) -> list[Reference]:
    return [reference for picture in cell.pictures for reference in picture.references]


def shows(cell: Cell, kind: Kind) -> bool:
    return any(PATHS[cell.path].category(r.category).kind is kind for r in references_of(cell))


def test_the_matrix_covers_every_path(matrix: list[Cell]) -> None:
    assert {cell.path for cell in matrix} == set(PATHS)
    assert len(matrix) > 10_000


def test_each_picture_is_described_exactly_once_and_in_order(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        described = re.findall(r"^- image (\d+): ", cell.own_words, flags=re.MULTILINE)
        return described == [str(n) for n in range(1, len(cell.pictures) + 1)]

    assert_all(matrix, rule)


def test_every_image_and_cell_spoken_of_exists(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        images = {int(n) for n in re.findall(r"images? (\d+)", cell.own_words)}
        located = re.findall(r"image (\d+) \(cells? (\d+)(?: (?:and|to) (\d+))?\)", cell.own_words)
        return images == set(range(1, len(cell.pictures) + 1)) and all(
            max(int(last or first), int(first)) <= len(cell.pictures[int(image) - 1].references)
            for image, first, last in located
        )

    assert_all(matrix, rule)


def test_a_location_in_a_grid_names_the_cells_of_its_category(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        for number, picture in enumerate(cell.pictures, start=1):
            if len({r.category for r in picture.references}) < 2:
                continue
            named = re.findall(rf"image {number} \(cells? (\d+)(?: (?:and|to) (\d+))?\)", cell.own_words)
            for first, last in named:
                span = picture.references[int(first) - 1 : int(last or first)]
                if len({r.category for r in span}) != 1:
                    return False
        return True

    assert_all(matrix, rule)


def test_a_grid_is_called_a_contact_sheet_with_its_number_of_items(matrix: list[Cell]) -> None:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

    def rule(cell: Cell) -> bool:
        lines = dict(re.findall(r"^- image (\d+): (.*)$", cell.own_words, flags=re.MULTILINE))
        for number, picture in enumerate(cell.pictures, start=1):
            size = len(picture.references)
            said = re.match(r"a contact sheet of (\w+) separate", lines[str(number)])
            if bool(said) != picture.is_grid or (said and said[1] not in (str(size), words[size])):
                return False
        return ("it is no layout to copy" in cell.own_words) == any(p.is_grid for p in cell.pictures)

    assert_all(matrix, rule)


def test_the_customers_text_stands_word_for_word(matrix: list[Cell]) -> None:
    assert_all(matrix, lambda cell: cell.prompt.count(WISHES) == 1)


def test_camera_framing_and_aspect_ratio_are_always_said_in_order(matrix: list[Cell]) -> None:
    headings = (
        "\nCamera angle: ",
        "\nFraming: ",
        WISHES,
        "What must happen:",
        "What must not",
        "Aspect ratio 21:9",
    )
    assert_all(
        matrix,
        lambda cell: (
            [cell.prompt.count(h) for h in headings] == [1] * len(headings)
            and sorted(headings, key=cell.prompt.index) == list(headings)
        ),
    )


def test_unknown_words_are_passed_on_as_the_customers_own(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        path = PATHS[cell.path]
        asked = ((path.angles, cell.angle), (path.shots, cell.shot), (path.fx, cell.fx))
        return all(
            (f'in the customer\'s own words, "{word}"' in cell.own_words) == (vocabulary.find(word) is None)
            for vocabulary, word in asked
            if word is not None
        )

    assert_all(matrix, rule)


def test_every_prompt_forbids_collages_and_borders(matrix: list[Cell]) -> None:
    fixed = ("No collage, grid, split screen or panels: one single", "No borders", "filled edge to edge")
    assert_all(matrix, lambda cell: all(sentence in cell.own_words for sentence in fixed))


def test_no_sentence_is_said_twice(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        sentences = [line for line in cell.own_words.splitlines() if line.startswith("- ")]
        return len(sentences) == len(set(sentences))

    assert_all(matrix, rule)


def test_no_sentence_has_a_gap_where_a_word_should_be(matrix: list[Cell]) -> None:
    gap = re.compile(r"[{}]|\S {2,}|\s[.,;:](?:\s|$)|\b(?:in|of|to|with|under) ?[.,:;]|\bwhat shows\b")
    lines = {line for cell in matrix for line in cell.own_words.splitlines()}
    assert {line for line in lines if gap.search(line)} == set()


def test_prompts_are_neither_thin_nor_endless(matrix: list[Cell]) -> None:
    assert_all(matrix, lambda cell: 120 <= len(re.findall(r"[\w’']+", cell.own_words)) <= 450)


def test_without_references_nothing_speaks_of_any(matrix: list[Cell]) -> None:
    text_only = [cell for cell in matrix if not cell.pictures]
    assert_all(text_only, lambda cell: "there are no references" in cell.own_words)
    assert_all(text_only, lambda cell: len(re.findall("reference", cell.own_words)) == 1)
    assert_all(text_only, lambda cell: not re.search(r"image \d|exactly as shown", cell.own_words))


def test_with_references_all_of_them_are_to_be_used(matrix: list[Cell]) -> None:
    def rule(cell: Cell) -> bool:
        return ("all the references together" in cell.own_words) == (len(references_of(cell)) > 1)

    assert_all(
        [cell for cell in matrix if cell.pictures and set(situations_of(cell)) != {"background"}], rule
    )


def situations_of(cell: Cell) -> list[str]:
    return [reference.category for reference in references_of(cell)]


def test_people_are_never_forbidden_where_they_may_appear(matrix: list[Cell]) -> None:
    open_or_people = [c for c in matrix if shows(c, Kind.PEOPLE) or not shows(c, Kind.ITEMS)]
    assert_all(
        open_or_people, lambda cell: not re.search(r"(?i)\bno (person|people|hands)\b(?! in)", cell.own_words)
    )


def test_the_likeness_of_people_is_kept_exactly_where_there_are_people(matrix: list[Cell]) -> None:
    likeness = re.compile(r"- Keep the (face and proportions|hair, build and proportions) of ")
    assert_all(
        matrix, lambda cell: len(likeness.findall(cell.own_words)) == (1 if shows(cell, Kind.PEOPLE) else 0)
    )


def test_cartoons_are_never_called_photographs(matrix: list[Cell]) -> None:
    allowed = ("Never photographic: no photo texture", "shows as a photo is redrawn", "no lens blur")

    def rule(cell: Cell) -> bool:
        rest = cell.own_words
        for phrase in allowed:
            rest = rest.replace(phrase, "")
        return not re.search(r"(?i)photo|lens|film|camera (?!angle)", rest) and "illustration" in rest

    assert_all([cell for cell in matrix if cell.path == "cartoon"], rule)
    assert_all(
        [cell for cell in matrix if cell.path != "cartoon"], lambda c: "illustration" not in c.own_words
    )


# Of each family at most one phrase may stand in a prompt: each excludes the others.
EXCLUSIVE = {
    "where the camera stands": (
        "eye contact",
        "true side profile",
        "formal frontal",
        "no part of the face",
        "every face fully visible",
        "Just above the height of the table, straight",
        "towards the far side of",
        "At table height from the side",
        "At the exact height of the table",
        "straight down",
        "down at about 45°",
        "macro lens",
        "Seen straight from the front at eye level",
        "Turned by about 45°",
        "A true side view",
        "From well below eye level",
        "From well above eye level",
    ),
    "how much is seen": (
        "upper chest",
        "upper back only",
        "upper backs only",
        "mid-thigh",
        "head to toe",
        "60–80 % of the frame",
        "hardly any margin",
        "moderate margin",
        "generous space around",
        "the whole plate",
        "two thirds of the picture",
        "most of the picture",
        "a wider view of the table",
        "which may run out of the picture",
        "a little air on every side",
        "heads and shoulders only",
        "below the chest",
    ),
    "where it happens": (
        "fresh view",
        "only the surface under",
        "only as soft shapes",
        "a photo studio",
        "a beauty studio",
        "a studio product set",
        "a simple table surface",
        "a believable film location",
        "a simple drawn backdrop",
    ),
    "whose light it is": (
        "warm natural light",
        "all else takes on that light",
        "reference photographs: their colours",
        "food colours in natural light",
    ),
    "how many there are": (
        "exactly one product",
        "exactly one person",
        "exactly one character",
        "exactly two people",
        "exactly three people",
        "exactly two characters",
        "exactly three characters",
        "exactly two products",
        "exactly two garments",
        "exactly one garment and one accessory",
        "one dish only",
        "exactly two dishes",
    ),
    "what it is": ("photograph of one moment", "illustration of one moment"),
    "who may be seen": (
        "no person and no body part",
        "people appear only where",
        "figures appear only where",
        "the model appears once",
        "each actor once",
        "no further characters",
    ),
}

# Pairs that contradict each other though they belong to different families.
CONTRADICTIONS = (
    ("no part of the face", "keep the face"),
    ("no part of the face", "smile"),
    ("no part of the face", "expression"),
    ("no part of the face", "eye contact"),
    ("no part of the face", "pores"),
    ("dutch tilt", "keep the face and"),
    ("dutch tilt", "expression"),
    ("dutch tilt", "cheerful look"),
    ("no person and no body part", "the model"),
    ("no person and no body part", "appears once"),
    ("no person and no body part", "keep the face"),
    ("no person and no body part", "is worn or"),
    ("no person and no body part", "held in a hand"),
    ("nothing below", "one leg"),
    ("nothing below", "at the hip"),
    ("nothing below", "half step"),
    ("nothing below", "ground under the feet"),
    ("nothing cropped", "one telling part"),
    ("macro lens", "whole plate"),
    ("macro lens", "exactly two dishes"),
    ("macro lens", "architecture"),
    ("macro lens", "deeper zone of sharpness"),
    ("straight down", "architecture"),
    ("straight down", "seated guest"),
    ("all else takes on that light", "main light coming"),
    ("all else takes on that light", "contrast of light"),
    ("reference photographs: their colours", "main light coming"),
    ("without effect lines", "rim of light along"),
    ("without effect lines", "lines of motion"),
    ("drawn emotion marks", "look; "),
    ("the model wears what", "keeps the clothes of"),
    ("fresh view", "backdrop,"),
    ("fresh view", "linen below"),
    ("fresh view", "surface below"),
    ("there are no references", "references show"),
    ("exactly one product, that one alone", "each once"),
    ("keeps the clothes of", "the cast wears what"),
    ("stay unchanged, and the outfit unless", "design, outfit and palette"),
)


def said(text: str, phrase: str) -> bool:
    return phrase.casefold() in text


@pytest.fixture(scope="module")
def folded(matrix: list[Cell]) -> list[tuple[Cell, str]]:
    return [(cell, cell.own_words.casefold()) for cell in matrix]


@pytest.mark.parametrize("family", EXCLUSIVE)
def test_of_what_excludes_each_other_one_at_most_is_said(folded: list[tuple[Cell, str]], family: str) -> None:
    for cell, text in folded:
        together = [phrase for phrase in EXCLUSIVE[family] if said(text, phrase)]
        assert len(together) <= 1, f"{together} in {cell}\n{cell.prompt}"


def test_no_two_sentences_contradict_each_other(folded: list[tuple[Cell, str]]) -> None:
    for cell, text in folded:
        together = [pair for pair in CONTRADICTIONS if all(said(text, phrase) for phrase in pair)]
        assert not together, f"{together} in {cell}\n{cell.prompt}"


def test_every_phrase_watched_for_is_really_said_somewhere(folded: list[tuple[Cell, str]]) -> None:
    watched = {p for phrases in (*EXCLUSIVE.values(), *CONTRADICTIONS) for p in phrases}
    everything = "\n".join({line for _, text in folded for line in text.splitlines()})
    assert {phrase for phrase in watched if not said(everything, phrase)} == set()


def test_the_same_arguments_give_the_same_prompt(matrix: list[Cell]) -> None:
    again = [cell for path in PATHS.values() for cell in islice(cells(path), 200)]
    first = [cell for name in PATHS for cell in [c for c in matrix if c.path == name][:200]]
    assert [cell.prompt for cell in again] == [cell.prompt for cell in first]
