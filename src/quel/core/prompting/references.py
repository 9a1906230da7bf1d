"""Which references an image is made with and how they are shown: sorting, the shot filter, shared pictures.

Every reference that is given is either kept or named in a sentence; none disappears silently.
"""

from collections.abc import Collection, Sequence

from quel.core.job import RequestedReference
from quel.core.prompting.picture import (
    Arrangement,
    Drawing,
    PictureId,
    PictureSpec,
    Reference,
    SortedReferences,
)
from quel.core.prompting.rules import Category, Keep, Kind, ProductionPath

LONGEST_TYPE_SHOWN = 40
"""Characters of a type quoted in a message; a longer one is junk and would drown the sentence."""

_ONE_PICTURE = "the engine is shown one picture, and that is the one to change"

_ITEMS = frozenset({Kind.ITEMS})
_NO_PLACE = frozenset({Kind.PEOPLE, Kind.ITEMS, Kind.GUIDE})
_MERGE_ORDER = (
    # What is joined first costs the least: small roles among themselves, then items, then what says how the
    # picture looks. People and the place share a picture only with a model that takes fewer than there are.
    _ITEMS,
    frozenset({Kind.GUIDE}),
    frozenset({Kind.ITEMS, Kind.GUIDE}),
    frozenset({Kind.PEOPLE}),
    frozenset({Kind.PEOPLE, Kind.ITEMS}),
    _NO_PLACE,
    frozenset(Kind),
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
    given = dict.fromkeys(reference.picture for stage in stages for reference in stage.kept)
    allowed = set(list(given)[:at_most])
    return [_within(stage, allowed, at_most) for stage in stages]


def _within(stage: SortedReferences, allowed: Collection[PictureId], at_most: int) -> SortedReferences:
    over = [reference for reference in stage.kept if reference.picture not in allowed]
    limit = f"a job takes at most {at_most} different ones, the first ones given"
    sentences = (f"{each.named} was left out: {limit}." for each in over)
    return SortedReferences(
        kept=tuple(reference for reference in stage.kept if reference.picture in allowed),
        left_out=(*stage.left_out, *sentences),
    )


def _sorted_or_reason(path: ProductionPath, ask: RequestedReference) -> Reference | str:
    if not ask.is_readable:
        return f"A reference is missing: {ask.where} has no readable attachId."
    type_ = _type(ask)
    category = path.category_of(type_)
    if category is None:
        return f"{_named(ask)} was left out: {path.name} has no use for that type."
    return Reference(ask.attach_id, type_, category.name, ask.where, ask.place, ask.address)


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
    if ask.attach_id is None:
        return f"The picture at {ask.where}"
    if type_ is None:
        return f"Reference {ask.attach_id} ({ask.where})"
    shown = type_ if len(type_) <= LONGEST_TYPE_SHOWN else type_[: LONGEST_TYPE_SHOWN - 1] + "…"
    return f'Reference {ask.attach_id} (type "{shown}", {ask.where})'


def arrange(
    path: ProductionPath,
    references: Sequence[Reference],
    shot: str,
    *,
    max_pictures: int,
    takes_mask: bool = False,
) -> Arrangement:
    """The pictures one item is made from, each reference its own, in sending order of the categories.

    `references` are the ones that could be fetched, in the order given; `shot` is the customer's word, empty
    where they ordered none; `max_pictures` is what the model takes (at least one picture is always sent), and
    what exceeds it shares pictures, as few references as possible. No references at all is no problem;
    references of which a shot of people can show none are. With a mask, the first picture is the one that it
    marks; a model that `takes_mask` gets the mask as a picture of its own, the last.
    """
    hidden = _hidden(path, references, shot)
    visible = [reference for reference in references if reference.type not in hidden]
    if references and not visible:
        left_out = " and ".join(sorted(hidden))
        return Arrangement(
            (),
            problem=f'The shot "{shot.strip()}" does not show {left_out}, and no other reference is left: '
            "choose a wider shot or add a reference.",
        )
    pictures = [
        PictureSpec(category.name, (reference,))
        for category in path.categories
        for reference in visible
        if reference.category == category.name and category.kind is not Kind.MASK
    ]
    masks = [r for r in visible if path.category(r.category).kind is Kind.MASK]
    most = max(1, max_pictures)
    if masks and pictures:
        return _marked(path, pictures, masks[0], most, takes_mask=takes_mask)
    return Arrangement(tuple(_merged(path, pictures, most)))


def _marked(
    path: ProductionPath, pictures: list[PictureSpec], mask: Reference, most: int, *, takes_mask: bool
) -> Arrangement:
    """The picture that is marked shares none with another; for want of room others are left out."""
    (changed,), others = pictures[0].references, pictures[1:]
    guides = _merged(path, others, most - 1) if most > 1 else []
    left_out = (
        () if guides else tuple(f"{o.references[0].named} was left out: {_ONE_PICTURE}." for o in others)
    )
    if takes_mask:
        apart = PictureSpec(mask.category, (mask, changed), Drawing.MASK)
        return Arrangement((pictures[0], *guides, apart), left_out=left_out)
    marked = PictureSpec(changed.category, (changed, mask), Drawing.MARKED)
    return Arrangement((marked, *guides), left_out=left_out)


def _hidden(path: ProductionPath, references: Sequence[Reference], shot: str) -> frozenset[str]:
    """The types that the shot of a person cannot show; without a person a near view of shoes is an order."""
    if not any(path.category(reference.category).kind is Kind.PEOPLE for reference in references):
        return frozenset()
    return path.left_out_by_shot.get(path.shots.find(shot) or "", frozenset())


def _merged(path: ProductionPath, pictures: list[PictureSpec], most: int) -> list[PictureSpec]:
    """Joins neighbours from the end, group by group, only until `most` is reached."""
    small = [{category.name} for category in reversed(path.categories) if category.small]
    all_small = {category.name for category in path.categories if category.small and category.kind in _ITEMS}
    large = [{category.name} for category in reversed(path.categories) if category.kind in _ITEMS]
    by_kind = [{c.name for c in path.categories if c.kind in kinds} for kinds in _MERGE_ORDER]
    for names in (*small, all_small, *large, *by_kind):
        while len(pictures) > most:
            group = [i for i, p in enumerate(pictures) if {r.category for r in p.references} <= names]
            if len(group) < 2:
                break
            one, other = group[-2:]
            between = pictures[one + 1 : other]
            joined = _join(path, pictures[one], pictures[other])
            pictures = [*pictures[:one], joined, *between, *pictures[other + 1 :]]
    return pictures


def _join(path: ProductionPath, one: PictureSpec, other: PictureSpec) -> PictureSpec:
    references = one.references + other.references
    present = {reference.category for reference in references}
    names = [category.name for category in path.categories if category.name in present]
    return PictureSpec(" and ".join(names), references)
