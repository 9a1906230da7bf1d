"""The brief of one view of a turn-around: the degrees, which way it is turned, and what must be seen now.

At 0° the subject is seen as its picture shows it. Degrees count as the camera would go round, clockwise seen
from above, so that at 90° its own right side is in front; a subject that turns on the spot instead turns the
other way.
"""

from collections.abc import Sequence

from quel.core.job import ItemRequest, StageRequest
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import ProductionPath
from quel.core.prompting.wishes import quoted

NAMES = {
    0: "front",
    45: "front right",
    90: "right",
    135: "back right",
    180: "back",
    225: "back left",
    270: "left",
    315: "front left",
}

LINES = {
    "fashion": "The garments keep cut, fabric and fit from this side too.",
    "beauty": "The package keeps shape, finish and lettering.",
    "eats": "The dish keeps its portions, each in its place on the plate.",
    "cinema": "A film still: lens, grain and mood of {source}.",
    "cartoon": "A drawing: line, palette and shading of {source}.",
    "": "What {source} hides follows the design of what it shows.",
}
"""What a category adds; a job without one gets the last."""


def write_view(
    path: ProductionPath,  # noqa: ARG001 - as write_prompt has it
    pictures: Sequence[PictureSpec],
    stage: StageRequest,
    item: ItemRequest,
    *,
    number: int,  # noqa: ARG001
    of: int,  # noqa: ARG001
) -> str:
    """What is said after the source and, where there is one, the reference of this angle."""
    degrees = item.degrees or 0
    source, reference = _seen(pictures, "source"), _seen(pictures, "reference")
    turning = stage.view
    opening = f"A turn-around, {_named(degrees)}: the subject of {source}, {_facing(degrees)}."
    wishes = (
        f"The style of {source} in the client's words: {quoted(stage.prompt)}" if stage.prompt.strip() else ""
    )
    moved = _camera_moves(degrees, reference) if turning and turning.place_turns else _stays(degrees, source)
    guided = (
        f"Pose and perspective of the subject follow {reference}, everything else {source}."
        if reference
        else ""
    )
    line = LINES[turning.category if turning else ""].format(source=source)
    kept = (
        f"Kept exactly as in {source}: identity, face, hair, proportions, garments, colours, materials and"
        " lettering."
    )
    closing = f"One single picture from one viewpoint, edge to edge, in the light of {source}."
    paragraphs = (
        " ".join(filter(None, (opening, wishes))),
        " ".join(filter(None, (moved, f"Visible now: {_visible(degrees)}.", guided, kept, line))),
        closing,
    )
    return "\n\n".join(paragraphs)


def _seen(pictures: Sequence[PictureSpec], category: str) -> str:
    """The picture that shows a category, by its number; empty where none does."""
    numbers = (
        number
        for number, picture in enumerate(pictures, start=1)
        if any(reference.category == category for reference in picture.references)
    )
    return next((f"image {number}" for number in numbers), "")


def _named(degrees: int) -> str:
    name = NAMES.get(degrees)
    return f"seen from the {name} at {degrees}°" if name else f"seen at {degrees}°"


def _facing(degrees: int) -> str:
    if degrees == 0:
        return "facing the camera as shown"
    if degrees == 180:
        return "turned away from the camera"
    side = "right" if degrees < 180 else "left"
    if degrees in (90, 270):
        return f"facing the {side} edge of the picture"
    towards = "towards" if degrees < 90 or degrees > 270 else "away from"
    return f"facing {towards} the camera and to the {side} of the picture"


def _visible(degrees: int) -> str:
    """The sides in view, the larger first."""
    if degrees % 90 == 0:
        return ("its front", "its own right side", "its back", "its own left side")[degrees // 90]
    side = "its own right side" if degrees < 180 else "its own left side"
    face = "its front" if degrees < 90 or degrees > 270 else "its back"
    is_mostly_side = 45 < degrees % 180 < 135
    first, second = (side, face) if is_mostly_side else (face, side)
    return f"{first} and {second}"


def _camera_moves(degrees: int, reference: str) -> str:
    if reference:
        return f"The camera has gone {_turned(degrees, camera=True)}: subject and place as seen from there."
    return (
        f"The camera orbits the subject, {_turned(degrees, camera=True)}; the background turns with it,"
        " and what lies behind the subject from there comes into view."
    )


def _stays(degrees: int, source: str) -> str:
    return (
        f"The subject turns on the spot, {_turned(degrees, camera=False)}; camera and background stay"
        f" identical to {source}."
    )


def _turned(degrees: int, *, camera: bool) -> str:
    """By how much and which way, seen from above, the shorter way round."""
    is_long = degrees > 180
    clockwise = camera != is_long
    return (
        f"{360 - degrees if is_long else degrees}° {'' if clockwise else 'counter'}clockwise seen from above"
    )
