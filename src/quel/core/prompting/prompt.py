"""The brief of one image: what a photographer is told, spoken about exactly the pictures that are sent.

A first sentence that names the picture, the customer's own words right after it, where it happens, what
stays, what is free, one closing sentence. The same arguments always give the same brief.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quel.core.job import ItemRequest, StageRequest
from quel.core.prompting import common_rules
from quel.core.prompting.guides import GUIDED
from quel.core.prompting.labels import write_labels
from quel.core.prompting.length import FEW, FEWEST, LIMIT, MOST, OWN, words
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.rules import BriefRules, ProductionPath
from quel.core.prompting.scene import Scene, listed, read_scene
from quel.core.prompting.variation import hints
from quel.core.prompting.wishes import quoted, wishes_of
from quel.core.series import WORDS as WORDS_ON_THE_LEAD

SHARE = 20
"""Words a prompt may have, labels included, for each of the customer's: theirs are at least one in twenty."""


@dataclass(frozen=True)
class _Most:
    """How much is said of what a brief can do without; `in_full` what is kept is told feature by feature."""

    hints: int
    craft: int
    free: int
    in_full: bool = True
    guides: bool = True


_FROM_AMPLE_TO_BARE = (
    _Most(hints=3, craft=9, free=9),
    _Most(hints=2, craft=9, free=9),
    _Most(hints=2, craft=0, free=9),
    _Most(hints=1, craft=0, free=2),
    _Most(hints=1, craft=0, free=1),
    _Most(hints=1, craft=0, free=1, in_full=False),
    _Most(hints=1, craft=0, free=0, in_full=False, guides=False),
)
_BARE = _Most(hints=0, craft=0, free=0, in_full=False, guides=False)


def write_prompt(
    path: ProductionPath,
    pictures: Sequence[PictureSpec],
    stage: StageRequest,
    item: ItemRequest,
    *,
    number: int,
    of: int,
) -> str:
    """The brief sent after `pictures` and their labels, for image `number` (from 0) of the `of` of an item.

    Where words run short, the last hints of variation are left out first, then the craft. In a series room is
    left for what is said of the picture it follows (series.py).
    """
    wishes = wishes_of(path, stage)
    scene = read_scene(path, pictures, stage, item, wishes=wishes)
    own = words(wishes)
    shared = SHARE * own if SHARE * own >= FEWEST else FEW
    most_own = OWN + own + words(stage.negative_prompt)
    spare = min(shared, max(MOST, most_own))
    labels = sum(map(words, write_labels(path, pictures)))
    labels += 0 if stage.series is None else WORDS_ON_THE_LEAD
    varied = hints(scene, path.brief.variations, number) if of > 1 else []
    said = _all_of(path.brief, scene, stage, wishes, varied)
    for most in _FROM_AMPLE_TO_BARE:
        brief = _brief(said, most)
        if labels + words(brief) <= spare:
            return brief
    if labels + words(brief) <= max(LIMIT, most_own):
        return brief
    return _brief(said, _BARE)


@dataclass(frozen=True)
class _Said:
    """All that can be said of a scene, sentence by sentence; how much of it is, says _Most."""

    opening: str
    scene: Sequence[str]
    kept_as: str
    changes: str
    kept: Sequence[str]
    kept_in_short: Sequence[str]
    craft: Sequence[str]
    taken_over: Sequence[str]
    is_free: str
    free: Sequence[str]
    varied: Sequence[str]
    avoid: str
    closing: str


def _all_of(
    rules: BriefRules, scene: Scene, stage: StageRequest, wishes: str, varied: Sequence[str]
) -> _Said:
    avoid = " ".join(stage.negative_prompt.split())
    likeness = scene.every(common_rules.LIKENESS)
    return _Said(
        opening=_joined(
            _opening(rules, scene), f"{common_rules.WISHES} {quoted(wishes)}" if wishes else rules.mood
        ),
        scene=scene.every(rules.scene),
        kept_as=rules.kept_as,
        changes=common_rules.CHANGES if wishes else "",
        kept=[*likeness, *scene.every(rules.kept)],
        kept_in_short=[*likeness, *scene.every(common_rules.ITEMS_IN_SHORT)],
        craft=scene.every(rules.craft),
        taken_over=scene.every(GUIDED),
        is_free=common_rules.OTHERWISE_FREE if wishes else common_rules.FREE,
        free=scene.every(rules.free),
        varied=varied,
        avoid=f"{common_rules.AVOID} {avoid}" if avoid else "",
        closing=_closing(rules, scene),
    )


def _brief(said: _Said, most: _Most) -> str:
    kept = said.kept if most.in_full else said.kept_in_short
    changes = said.changes if most.in_full else ""
    taken_over = said.taken_over if most.guides else []
    free, varied = said.free[: most.free], said.varied[: most.hints]
    middle = _joined(
        *said.scene,
        f"{said.kept_as}{changes}: {'; '.join(kept)}." if kept else "",
        *said.craft[: most.craft],
        f"{common_rules.TAKEN_OVER} {', '.join(taken_over)}." if taken_over else "",
        f"{said.is_free} {listed(free)}." if free else "",
        f"{common_rules.HINTS} {'; '.join(varied)}." if varied else "",
    )
    return "\n\n".join(filter(None, (said.opening, middle, said.avoid, said.closing)))


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _opening(rules: BriefRules, scene: Scene) -> str:
    view = (
        scene.first(rules.medium),
        scene.first(rules.angle + common_rules.ANGLE),
        scene.first(rules.framing + common_rules.FRAMING),
        scene.first(rules.fx + common_rules.FX),
    )
    cast = scene.every(rules.cast)
    return f"{', '.join(filter(None, view))}{': ' if cast else ''}{', '.join(cast)}."


def _closing(rules: BriefRules, scene: Scene) -> str:
    one_light, edges = scene.first(common_rules.CLOSING), scene.first(common_rules.EDGE_TO_EDGE)
    return f"One continuous {rules.picture} of one moment: {one_light}, {edges}"
