"""The brief of an in-painting: a picture, areas that strokes mark on it, and what each of them becomes.

Strokes only mark; in the finished picture none is left, and what no stroke marks stays as it is. The same
arguments always give the same brief. quel's own words are about a hundred; the rest is the customer's.
"""

from collections.abc import Sequence

from quel.core.job import DEFAULT_PROMPT, Area, StageRequest
from quel.core.prompting import common_rules
from quel.core.prompting.colour_names import colour_in_words
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.scene import listed
from quel.core.prompting.wishes import quotable, quoted

ORIGINAL, MASK, STYLE, LAYER = "original", "mask", "reference", "layer"
"""The roles of the pictures: what is changed, what marks it, what guides all of it, what guides one area."""


def write_retouch_labels(pictures: Sequence[PictureSpec], stage: StageRequest) -> tuple[str, ...]:
    """A label for each picture in sending order: "Image 2: the reference for the red area."

    A mask of its own has no number: it comes last, and engines that take it have a place for it. No word of a
    label is the customer's but the colours.
    """
    is_apart = _mask_is_apart(pictures)
    return tuple(
        f"{'Mask' if picture.category == MASK else f'Image {number}'}: {_shown(picture, stage, is_apart)}."
        for number, picture in enumerate(pictures, start=1)
    )


def write_retouch(pictures: Sequence[PictureSpec], stage: StageRequest) -> str:
    """The brief that is sent after `pictures` and their labels."""
    strokes = "The coloured strokes of the mask" if _mask_is_apart(pictures) else "Its coloured strokes"
    paragraphs = (
        f"Retouch of image 1, in its marked areas alone. {strokes} only mark areas and are no part of the"
        " picture.",
        "\n".join(_instructions(pictures, stage)),
        " ".join(
            (
                *_guides(pictures),
                "Everything outside the marked areas stays exactly as it is, in colour, light, depth and"
                " framing.",
            )
        ),
        f"{common_rules.AVOID} {' '.join(stage.negative_prompt.split())}" if stage.negative_prompt else "",
        "The finished picture is image 1 itself with every stroke gone, each change merged into its light,"
        " perspective and grain, edge to edge.",
    )
    return "\n\n".join(filter(None, paragraphs))


def _instructions(pictures: Sequence[PictureSpec], stage: StageRequest) -> list[str]:
    """What becomes of each area; the words for all of them stand for those that have none of their own."""
    wishes = "" if stage.prompt == DEFAULT_PROMPT else stage.prompt.strip()
    own = [_instruction(pictures, area) for area in stage.areas if area.prompt or _seen(pictures, area)]
    for_the_rest = len(own) < len(stage.areas) or not own
    if wishes in {area.prompt for area in stage.areas} and not for_the_rest:
        wishes = ""
    if wishes:
        return [*own, f"{'The marked areas' if not own else 'All marked areas'}: {quoted(wishes)}"]
    if for_the_rest:
        which = "The other marked areas" if own else "The marked areas"
        own.append(f"{which} are filled naturally, as their surroundings go on.")
    return own


def _instruction(pictures: Sequence[PictureSpec], area: Area) -> str:
    seen = _seen(pictures, area)
    words = quoted(area.prompt) if area.prompt else f"as {seen} shows it"
    return f"The {_named(area)} area: {words}{f', guided by {seen}' if seen and area.prompt else ''}."


def _guides(pictures: Sequence[PictureSpec]) -> list[str]:
    shown = [n for n, p in enumerate(pictures, start=1) if any(r.category == STYLE for r in p.references)]
    return [f"What is new takes style, material and colour from image {shown[0]}."] if shown else []


def _mask_is_apart(pictures: Sequence[PictureSpec]) -> bool:
    return any(picture.category == MASK for picture in pictures)


def _seen(pictures: Sequence[PictureSpec], area: Area) -> str:
    """Where the reference of an area is seen: "image 3"; empty where it has none."""
    numbers = [
        number
        for number, picture in enumerate(pictures, start=1)
        if area.reference and any(reference.where == area.reference for reference in picture.references)
    ]
    return f"image {numbers[0]}" if numbers else ""


def _shown(picture: PictureSpec, stage: StageRequest, is_apart: bool) -> str:
    if picture.category == MASK:
        return "coloured strokes on the areas that are meant"
    if picture.category == ORIGINAL:
        return f"the picture to change{'' if is_apart else ', coloured strokes on the areas that are meant'}"
    parts = [_guide(reference.where, reference.category, stage) for reference in picture.references]
    if len(parts) == 1:
        return f"the {parts[0]}"
    return f"the {listed(parts)}, each on its own, row by row"


def _guide(where: str, category: str, stage: StageRequest) -> str:
    if category == STYLE:
        return "reference for the style of what is new"
    area = next(area for area in stage.areas if area.reference == where)
    return f"reference for the {_named(area)} area"


def _named(area: Area) -> str:
    return colour_in_words(quotable(area.colour))
