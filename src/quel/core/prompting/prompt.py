"""The prompt of one image: a path's rules, spoken about exactly the pictures that are sent.

Pictures are numbered from 1 in sending order; the same arguments always give the same prompt.
"""

import re
from collections import Counter
from collections.abc import Sequence

from quel.core.job import ItemRequest, StageRequest
from quel.core.prompting import common_rules
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import Category, ProductionPath, Rules
from quel.core.prompting.scene import Scene, cell_span, cells_of, counted, read_scene


def write_prompt(
    path: ProductionPath,
    pictures: Sequence[PictureSpec],
    stage: StageRequest,
    item: ItemRequest,
    *,
    number: int,
    of: int,
) -> str:
    """The text sent after `pictures` for image `number` (from 0) of the `of` images of an item.

    In order: the task, what each picture is, camera angle and framing, the customer's own text word for
    word, what must and must not happen, what this image varies, what to avoid, the aspect ratio.
    """
    scene = read_scene(path, pictures, stage, item)
    rules = path.prompt
    sections = (
        scene.first(rules.task),
        _pictures(path, pictures),
        _view(path, scene),
        stage.prompt.strip() and f"{common_rules.WISHES}\n{_fenced(stage.prompt)}",
        _bullets("What must happen:", scene.every(rules.must + common_rules.MUST)),
        _bullets("What must not happen:", scene.every(rules.must_not + common_rules.MUST_NOT)),
        of > 1 and _variation(scene, rules.variations, number, of),
        stage.negative_prompt.strip() and f"Avoid: {' '.join(stage.negative_prompt.split())}",
        f"Aspect ratio {stage.aspect_ratio}, filled edge to edge.",
    )
    return "\n\n".join(section for section in sections if section)


def _fenced(text: str) -> str:
    """The text, unchanged, between two lines of more double quotes than stand together in it anywhere."""
    longest = max(map(len, re.findall('"+', text)), default=0)
    fence = '"' * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _bullets(heading: str, sentences: Sequence[str]) -> str:
    return "\n".join((heading, *(f"- {sentence}" for sentence in sentences)))


def _view(path: ProductionPath, scene: Scene) -> str:
    lines = {
        "Camera angle": scene.first(path.prompt.angle + common_rules.ANGLE),
        "Framing": scene.first(path.prompt.framing + common_rules.FRAMING),
        "Effect": scene.first(path.prompt.fx + common_rules.FX),
    }
    return "\n".join(f"{name}: {sentence}" for name, sentence in lines.items() if sentence)


def _pictures(path: ProductionPath, pictures: Sequence[PictureSpec]) -> str | None:
    if not pictures:
        return None
    totals = Counter(reference.category for picture in pictures for reference in picture.references)
    before: Counter[str] = Counter()
    lines = []
    for number, picture in enumerate(pictures, start=1):
        lines.append(f"image {number}: {_what_it_is(path, picture, before, totals)}.")
        before.update(reference.category for reference in picture.references)
    sheet = [common_rules.SHEET] if any(picture.is_grid for picture in pictures) else []
    return "\n".join((_bullets("References, in the order they are sent:", lines), *sheet))


def _what_it_is(
    path: ProductionPath, picture: PictureSpec, before: Counter[str], totals: Counter[str]
) -> str:
    """A picture in words; `before` counts each category's references in the pictures before it."""
    cells = {category: own for category in path.categories if (own := cells_of(category, picture))}
    size = len(picture.references)
    if len(cells) > 1:
        parts = [
            f"{cell_span(own)} {_named(c, len(own), totals)}{c.note and f' ({c.note})'}"
            for c, own in cells.items()
        ]
        return f"a contact sheet of {size} separate references, read row by row: {'; '.join(parts)}"
    (category,) = cells
    note = category.note and f"; {category.note}"
    if size > 1:
        separate = counted(size, f"separate {category.one}", f"separate {category.many}")
        return f"a contact sheet of {separate}{note}"
    total = totals[category.name]
    one = f"the {category.one}" if total == 1 else f"{category.one} {before[category.name] + 1} of {total}"
    return one + note


def _named(category: Category, number: int, totals: Counter[str]) -> str:
    if totals[category.name] == 1:
        return f"the {category.one}"
    return counted(number, category.one, category.many)


def _variation(scene: Scene, axes: Sequence[Rules], number: int, of: int) -> str:
    """One hint of each axis; a combination comes back only when all of them have been used.

    `number` is read as digits, one an axis, so that combinations differ; the digits before are added to
    each, so that one image differs from the next in every axis.
    """
    hints = []
    rest, shift = number, 0
    for options in filter(None, (scene.every(axis) for axis in axes)):
        rest, digit = divmod(rest, len(options))
        hints.append(options[(digit + shift) % len(options)])
        shift += digit
    return f"Variation, take {number + 1} of {of}. " + common_rules.VARIATION.format(hints="; ".join(hints))
