"""A prompt as one path writes it, and what is looked for in it."""

from collections.abc import Sequence

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, StageRequest
from quel.core.paths import PATHS
from quel.core.prompting.labels import write_labels
from quel.core.prompting.picture import PictureSpec, Reference
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange

WISHES = "She walks across a zebra crossing in Seoul, laughing, wind in her hair"


def pictures_of(
    path: str, types: Sequence[str], shot: str = "", max_pictures: int = 14
) -> tuple[PictureSpec, ...]:
    known = PATHS[path]
    references = [
        Reference(n, type_, category.name, f"key[{n}]")
        for n, type_ in enumerate(types)
        if (category := known.category_of(type_))
    ]
    assert len(references) == len(types)
    return arrange(known, references, shot, max_pictures=max_pictures).pictures


def labels(path: str, types: Sequence[str], max_pictures: int = 14) -> list[str]:
    return list(write_labels(PATHS[path], pictures_of(path, types, max_pictures=max_pictures)))


def prompt(
    path: str,
    types: Sequence[str],
    angle: str = "",
    shot: str = "",
    *,
    fx: str | None = None,
    pre_edited: bool | None = None,
    negative: str = "",
    wishes: str = WISHES,
    number: int = 0,
    of: int = 1,
    max_pictures: int = 14,
) -> str:
    pictures = pictures_of(path, types, shot, max_pictures)
    item = ItemRequest(angle, shot, of, fx)
    stage = StageRequest(wishes, AspectRatio(4, 5), (), (item,), negative, pre_edited)
    return write_prompt(PATHS[path], pictures, stage, item, number=number, of=of)


def assert_says(text: str, *phrases: str) -> None:
    assert [phrase for phrase in phrases if phrase not in text] == []


def assert_keeps_silent(text: str, *phrases: str) -> None:
    assert [phrase for phrase in phrases if phrase in text] == []
