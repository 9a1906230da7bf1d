"""Images ordered as one series: which of them waits for which, and what is said of the picture they follow.

The first image that is kept leads: it is shown to all the others as their last picture, for set, light and
grade. Until one is kept, one image at a time is made; should it fail, the next in plan order takes its place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quel.core.pipeline import ImageState
from quel.core.prompting.length import LIMIT, words

ROLE = "series"
"""Of the leader's picture among the pictures that are shown."""

WORDS = 32
"""What a prompt grows by where the leader is shown."""

_UNDER_WAY = frozenset({ImageState.GENERATING, ImageState.MADE})
_WAITING = frozenset({ImageState.PLANNED, ImageState.READY})


def may_begin(image_no: int, series: Iterable[tuple[int, ImageState]]) -> bool:
    """Whether it is an image's turn within its series, from the (image_no, state) of all its images.

    Any may go once one is stored; before that the first that has not ended, while no other is under way.
    """
    others = [(number, state) for number, state in series if number != image_no]
    if any(state is ImageState.STORED for _, state in others):
        return True
    if any(state in _UNDER_WAY for _, state in others):
        return False
    return not any(state in _WAITING and number < image_no for number, state in others)


def lead_digest(series: int) -> str:
    """What the leader's picture is kept under, in the place of a digest."""
    return f"lead-{series}"


@dataclass(frozen=True)
class Told:
    """What the provider is told beside the pictures."""

    prompt: str
    labels: tuple[str, ...]


def beside_the_lead(prompt: str, labels: tuple[str, ...], *, shown: int) -> Told:
    """The same with the leader's picture after the `shown` others, in a prompt of LIMIT words at most.

    The closing sentence stays the last. A prompt that is longer, since the customer's words are, may grow.
    """
    number = shown + 1
    label = f"Image {number}: the first picture of this series; for set, light and grade only."
    like_it = f"Set, light and grade as in image {number}; subject, pose and view as briefed here."
    said = sum(map(words, (prompt, *labels)))
    spare = LIMIT - said if said <= LIMIT else WORDS
    if words(label) + words(like_it) <= spare:
        brief, gap, closing = prompt.rpartition("\n\n")
        return Told(f"{brief}{gap}{like_it}\n\n{closing}", (*labels, label))
    return Told(
        prompt, (*labels, label if words(label) <= spare else f"Image {number}: set, light and grade.")
    )
