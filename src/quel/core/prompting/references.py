"""Which references an image is made with and how they are shown: sorting, the shot filter, grids.

Every reference that is given is either kept or named in a sentence; none disappears silently.
"""

from collections.abc import Collection, Sequence

from quel.core.job import RequestedReference
from quel.core.prompting.picture import Arrangement, PictureSpec, Reference, SortedReferences
from quel.core.prompting.rules import Category, Keep, Kind, ProductionPath

LONGEST_TYPE_SHOWN = 40
"""Characters of a type quoted in a message; a longer one is junk and would drown the sentence."""

MERGE_ORDER = (
    # What is joined first costs the least: items stay apart from people, and people from the place,
    # for as long as the model's limit allows.
    {Kind.ITEMS},
    {Kind.PEOPLE},
    {Kind.PEOPLE, Kind.ITEMS},
    {Kind.PLACE, Kind.PEOPLE, Kind.ITEMS},
)


def sort_references(path: ProductionPath, asked: Sequence[RequestedReference]) -> SortedReferences:
    """Gives each reference its category, applies the limits, and says what was left out and why.

    Both results are in the order given. The same attachment may be kept in several categories.
    """
    fates = [_sorted_or_reason(path, ask) for ask in asked]
    for category in path.categories:
        own = [i for i, f in enumerate(fates) if isinstance(f, Reference) and f.category == category.name]
        for i in _over_the_limit(category, own):
            fates[i] = f"{_named(asked[i])} was left out: {path.name} takes {_limit(category)}."
    return SortedReferences(
        kept=tuple(fate for fate in fates if isinstance(fate, Reference)),
        left_out=tuple(fate for fate in fates if isinstance(fate, str)),
    )


def within_limit(stages: Sequence[SortedReferences], at_most: int) -> list[SortedReferences]:
    """The stages of a job with no more than `at_most` different attachments kept in all of them together.

    The first ones given stay; each of the others is named where it was asked for.
    """
    given = dict.fromkeys(reference.attach_id for stage in stages for reference in stage.kept)
    allowed = set(list(given)[:at_most])
    return [_within(stage, allowed, at_most) for stage in stages]


def _within(stage: SortedReferences, allowed: Collection[int], at_most: int) -> SortedReferences:
    over = [reference for reference in stage.kept if reference.attach_id not in allowed]
    limit = f"a job takes at most {at_most} different ones, the first ones given"
    sentences = (f"Reference {each.attach_id} ({each.where}) was left out: {limit}." for each in over)
    return SortedReferences(
        kept=tuple(reference for reference in stage.kept if reference.attach_id in allowed),
        left_out=(*stage.left_out, *sentences),
    )


def _sorted_or_reason(path: ProductionPath, ask: RequestedReference) -> Reference | str:
    if ask.attach_id is None:
        return f"A reference is missing: {ask.where} has no readable attachId."
    type_ = _type(ask)
    category = path.category_of(type_)
    if category is None:
        return f"{_named(ask)} was left out: {path.name} has no use for that type."
    return Reference(ask.attach_id, type_, category.name, ask.where)


def _over_the_limit(category: Category, given: list[int]) -> list[int]:
    if category.at_most is None:
        return []
    return given[: -category.at_most] if category.keep is Keep.LAST else given[category.at_most :]


def _limit(category: Category) -> str:
    if category.keep is Keep.LAST:
        return f"only the last {category.name} given"
    return f"at most {category.at_most} {category.name}, the first ones given"


def _type(ask: RequestedReference) -> str | None:
    return (ask.type or "").strip().casefold() or None


def _named(ask: RequestedReference) -> str:
    type_ = _type(ask)
    if type_ is None:
        return f"Reference {ask.attach_id} ({ask.where})"
    shown = type_ if len(type_) <= LONGEST_TYPE_SHOWN else type_[: LONGEST_TYPE_SHOWN - 1] + "…"
    return f'Reference {ask.attach_id} (type "{shown}", {ask.where})'


def arrange(
    path: ProductionPath, references: Sequence[Reference], shot: str, *, max_pictures: int
) -> Arrangement:
    """The pictures one item is made from, in sending order: place, people one by one, items by category.

    `references` are the ones that could be fetched, in the order given; `shot` is the customer's word;
    `max_pictures` is what the model takes (at least one picture is always sent). No references at all is
    no problem; references of which the shot can show none are.
    """
    hidden = path.left_out_by_shot.get(path.shots.find(shot) or "", frozenset())
    visible = [reference for reference in references if reference.type not in hidden]
    if references and not visible:
        left_out = " and ".join(sorted(hidden))
        return Arrangement(
            (),
            problem=f'The shot "{shot.strip()}" does not show {left_out}, and no other reference is left: '
            "choose a wider shot or add a reference.",
        )
    pictures = [picture for category in path.categories for picture in _pictures(category, visible)]
    return Arrangement(tuple(_merged(path, pictures, max(1, max_pictures))))


def _pictures(category: Category, visible: list[Reference]) -> list[PictureSpec]:
    own = [reference for reference in visible if reference.category == category.name]
    if category.kind is Kind.ITEMS:
        return [PictureSpec(category.name, tuple(own))] if own else []
    return [PictureSpec(category.name, (reference,)) for reference in own]


def _merged(path: ProductionPath, pictures: list[PictureSpec], most: int) -> list[PictureSpec]:
    """Joins neighbours from the end, group by group in MERGE_ORDER, only until `most` is reached."""
    for kinds in MERGE_ORDER:
        while len(pictures) > most:
            group = [i for i, p in enumerate(pictures) if _kinds(path, p) <= kinds]
            if len(group) < 2:
                break
            before_last, last = group[-2:]
            joined = _join(path, pictures[before_last], pictures[last])
            pictures = [*pictures[:before_last], joined, *pictures[last + 1 :]]
    return pictures


def _kinds(path: ProductionPath, picture: PictureSpec) -> set[Kind]:
    return {path.category(reference.category).kind for reference in picture.references}


def _join(path: ProductionPath, one: PictureSpec, other: PictureSpec) -> PictureSpec:
    references = one.references + other.references
    present = {reference.category for reference in references}
    names = [category.name for category in path.categories if category.name in present]
    return PictureSpec(" and ".join(names), references)
