"""The paths as data: what each makes of every type and spelling, and how a sixth one is added."""

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

import quel.core.paths
from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, RequestedReference, StageRequest
from quel.core.paths import PATHS, discover
from quel.core.prompting.labels import write_labels
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange, sort_references
from quel.core.prompting.rules import Kind, ProductionPath, Rule, Vocabulary

GUIDE = Path(__file__).parents[2] / "docs" / "add-a-path.md"

GUIDES = {"pose": "pose", "style": "style mood look"}
CATEGORY_OF_TYPE = {
    "fashion": {
        "model": "model",
        "background": "background bg",
        "clothing": "top pants outer",
        "accessories": "shoes bag accessory acce product none",
        **GUIDES,
    },
    "beauty": {
        "model": "model",
        "background": "background bg",
        "accessories": "brush tool acce accessory",
        "products": "product lipstick cream bottle compact cosmetic skincare makeup none",
        **GUIDES,
    },
    "eats": {
        "dishes": "food dish main model product none",
        "ingredients": "ingredient side",
        "props": "prop topping garnish acce accessory",
        "background": "background bg",
        **GUIDES,
    },
    "cinema": {
        "actors": "actor model character face",
        "clothing": "top pants outer",
        "props": "prop shoes bag accessory acce product none",
        "background": "background bg",
        **GUIDES,
    },
    "cartoon": {
        "characters": "character model face",
        "props": "prop top pants outer shoes bag accessory acce product none",
        "background": "background bg",
        **GUIDES,
    },
}

SENDING_ORDER = {
    "fashion": ["background", "model", "clothing", "accessories", *GUIDES],
    "beauty": ["background", "model", "products", "accessories", *GUIDES],
    "eats": ["background", "dishes", "ingredients", "props", *GUIDES],
    "cinema": ["background", "actors", "clothing", "props", *GUIDES],
    "cartoon": ["background", "characters", "props", *GUIDES],
}

UNTYPED = {
    "fashion": "clothing",
    "beauty": "products",
    "eats": "dishes",
    "cinema": "props",
    "cartoon": "props",
}


def test_the_five_paths_are_found_in_the_folder() -> None:
    assert set(PATHS) == set(CATEGORY_OF_TYPE)


@pytest.mark.parametrize("name", CATEGORY_OF_TYPE)
def test_every_type_goes_to_its_category_and_no_other_type_is_known(name: str) -> None:
    expected = {t: category for category, types in CATEGORY_OF_TYPE[name].items() for t in types.split()}
    actual = {t: category.name for category in PATHS[name].categories for t in category.types}
    assert actual == expected


@pytest.mark.parametrize("name", SENDING_ORDER)
def test_categories_stand_in_sending_order(name: str) -> None:
    assert [category.name for category in PATHS[name].categories] == SENDING_ORDER[name]


@pytest.mark.parametrize("name", UNTYPED)
def test_a_picture_without_a_type_has_a_category(name: str) -> None:
    category = PATHS[name].category_of(None)
    assert category is not None
    assert category.name == UNTYPED[name]


def test_only_beauty_has_a_use_for_types_nobody_knows() -> None:
    unknown = {name: path.category_of("spaceship") for name, path in PATHS.items()}
    assert unknown.pop("beauty") == PATHS["beauty"].category("products")
    assert set(unknown.values()) == {None}


def test_each_category_is_a_place_people_items_or_a_guide() -> None:
    kinds = {category.name: category.kind for path in PATHS.values() for category in path.categories}
    assert {name for name, kind in kinds.items() if kind is Kind.PLACE} == {"background"}
    assert {name for name, kind in kinds.items() if kind is Kind.PEOPLE} == {"model", "actors", "characters"}
    assert {name for name, kind in kinds.items() if kind is Kind.GUIDE} == set(GUIDES)


@pytest.mark.parametrize(
    ("name", "words", "angle"),
    [
        ("fashion", "Front View", "front"),
        ("fashion", "side profile", "side"),
        ("fashion", "Profile", "profile"),
        ("fashion", " from_behind ", "back"),
        ("beauty", "back-view", "back"),
        ("eats", "top down", "overhead"),
        ("eats", "Top-Down view", "overhead"),
        ("eats", "flat_lay", "overhead"),
        ("eats", "Bird's-eye", "overhead"),
        ("eats", "45°", "45-degree"),
        ("eats", "45 Degree angle", "45-degree"),
        ("eats", "3/4", "45-degree"),
        ("eats", "MACRO shot", "macro"),
        ("cinema", "rear", "back"),
        ("cartoon", "3/4", "three-quarter"),
        ("cartoon", "Three Quarter View", "three-quarter"),
        ("cartoon", "low", "low-angle"),
        ("cartoon", "High_Angle", "high-angle"),
        ("fashion", "top down", "overhead"),
        ("fashion", "flat lay", "flat-lay"),
        ("fashion", "Low Angle", "low-angle"),
        ("cinema", "bird's eye view", "overhead"),
        ("beauty", "3/4 view", "three-quarter"),
        ("fashion", "dutch tilt", None),
        ("fashion", "", None),
    ],
)
def test_usual_spellings_of_angles_are_understood(name: str, words: str, angle: str | None) -> None:
    assert PATHS[name].angles.find(words) == angle


@pytest.mark.parametrize(
    ("name", "words", "shot"),
    [
        ("fashion", "full body", "full"),
        ("fashion", "Full-Body", "full"),
        ("fashion", "close up", "tight"),
        ("fashion", "Close-Up Shot", "tight"),
        ("fashion", "3/4", "middle"),
        ("beauty", "medium_shot", "middle"),
        ("eats", "full body", "full"),
        ("eats", "full plate", "full-plate"),
        ("eats", "HERO", "hero-shot"),
        ("eats", "closeup", "tight"),
        ("eats", "context shot", "context"),
        ("cinema", "full length", "full"),
        ("cartoon", "full", "full-body"),
        ("cartoon", "tight", "portrait"),
        ("cartoon", "middle", "bust"),
        ("fashion", "wide", "wide"),
        ("fashion", "long shot", "wide"),
        ("cinema", "establishing shot", "establishing"),
        ("cinema", "Over the shoulder", "over-the-shoulder"),
        ("cartoon", "wide", "wide"),
        ("fashion", "worm hole", None),
    ],
)
def test_usual_spellings_of_shots_are_understood(name: str, words: str, shot: str | None) -> None:
    assert PATHS[name].shots.find(words) == shot


def test_the_words_the_front_end_offers_are_in_the_vocabularies() -> None:
    plain_angles, plain_shots = {"front", "side", "profile", "back"}, {"tight", "middle", "full"}
    for name in ("fashion", "beauty", "cinema"):
        assert plain_angles < set(PATHS[name].angles.spellings)
        assert plain_shots < set(PATHS[name].shots.spellings)
    eats = PATHS["eats"]
    assert set(eats.angles.spellings) > plain_angles | {"overhead", "45-degree", "macro"}
    assert set(eats.shots.spellings) > plain_shots | {"full-plate", "hero-shot", "detail", "context"}
    cartoon = PATHS["cartoon"]
    assert set(cartoon.angles.spellings) > {"front", "three-quarter", "side", "low-angle", "high-angle"}
    assert set(cartoon.shots.spellings) > {"portrait", "bust", "full-body"}
    assert set(cartoon.fx.spellings) == {"none", "speed-lines", "impact", "aura", "emotion"}


def test_no_spelling_stands_for_two_words() -> None:
    for path in PATHS.values():
        for vocabulary in (path.angles, path.shots, path.fx):
            for word, others in vocabulary.spellings.items():
                assert {vocabulary.find(spelling) for spelling in (word, *others)} == {word}


def test_every_path_understands_the_default_angle_and_shot() -> None:
    for path in PATHS.values():
        assert path.angles.find("front") == "front"
        assert path.shots.find("full") is not None


@pytest.fixture
def guide_code() -> str:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (code,) = blocks
    return code


@pytest.fixture
def six_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guide_code: str) -> dict[str, ProductionPath]:
    """A copy of the folder of paths with the guide's file put into it, and nothing else changed."""
    folder = tmp_path / "six_paths"
    shutil.copytree(quel.core.paths.__path__[0], folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__init__.py").write_text("")
    (folder / "pets.py").write_text(guide_code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = dict(discover(importlib.import_module("six_paths")))
    for module in [name for name in sys.modules if name.split(".")[0] == "six_paths"]:
        monkeypatch.delitem(sys.modules, module)
    return found


def test_a_sixth_path_is_added_by_adding_one_file(six_paths: dict[str, ProductionPath]) -> None:
    assert set(six_paths) == {*PATHS, "pets"}


def test_the_path_of_the_guide_sorts_arranges_and_writes_prompts(
    six_paths: dict[str, ProductionPath],
) -> None:
    pets = six_paths["pets"]
    asked = [
        RequestedReference(n, t, f"uploadedAttachIds[{n}]")
        for n, t in enumerate(("toy", "dog", "cat", "bg", "cat"))
    ]
    sorted_references = sort_references(pets, asked)
    assert len(sorted_references.left_out) == 1
    pictures = arrange(pets, sorted_references.kept, "full body", max_pictures=14).pictures
    assert [p.category for p in pictures] == ["background", "animals", "animals", "toys"]
    stage = StageRequest("Zwei Freunde", AspectRatio(4, 3), (), ())
    prompt = write_prompt(pets, pictures, stage, ItemRequest("profile", "full body", 1), number=0, of=1)
    assert write_labels(pets, pictures)[2] == "Image 3: animal 2."
    assert prompt.startswith(
        "Pet photograph, in true side view, from nose to tail: the animals of images 2 and 3"
    )
    assert "Zwei Freunde" in prompt


def test_a_file_without_a_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_paths").mkdir()
    (tmp_path / "half_paths" / "__init__.py").write_text("")
    (tmp_path / "half_paths" / "empty.py").write_text('"""Nothing."""\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TypeError, match=r"half_paths\.empty defines no PATH"):
        discover(importlib.import_module("half_paths"))


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ('untyped="animals"', 'untyped="beasts"', "'beasts' is no category"),
        ('{"close": frozenset', '{"cloze": frozenset', "'cloze' is no shot"),
        ('types=("toy",)', 'types=("toy", "cat")', "'cat' is no type of exactly one category"),
        ('when="several-animals"', 'when="many-animals"', "'many-animals' is no fact"),
        ("of the eyes of {subject}", "of the eyes of {topic}", "'topic' is no placeholder"),
        ("of {background_at}", "of {animals_at}", "'animals_at' is no placeholder"),
    ],
)
def test_a_wrong_word_in_a_path_file_is_named(guide_code: str, good: str, bad: str, message: str) -> None:
    assert guide_code.count(good) == 1
    with pytest.raises(ValueError, match=rf"Path 'pets': {message}"):
        exec(guide_code.replace(good, bad), {})


def test_a_rule_needs_all_of_when_and_none_of_unless() -> None:
    rule = Rule("Rain.", when="front people", unless="full")
    assert rule.holds(frozenset({"front", "people", "tight"}))
    assert not rule.holds(frozenset({"front"}))
    assert not rule.holds(frozenset({"front", "people", "full"}))


def test_a_vocabulary_prefers_the_exact_word_to_the_shortened_one() -> None:
    vocabulary = Vocabulary({"hero": (), "hero-shot": ()})
    assert vocabulary.find("Hero Shot") == "hero-shot"
    assert vocabulary.find("hero view") == "hero"
