"""Multiview: one subject seen from all around, an image an angle; 0° is the source itself and free.

Each angle is a stage of its own: it shows the source, and the reference that belongs to it if there is one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from quel.core.aspect import AspectRatio
from quel.core.image_kind import ImageKind
from quel.core.job import ItemRequest, RequestedReference, StageRequest, View
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Vocabulary
from quel.core.prompting.turn_around import LINES, write_view
from quel.core.request import values
from quel.core.request.fields import Fields
from quel.core.request.inline import inline_reference

DEFAULT_ANGLES = tuple(range(0, 360, 45))
SQUARE = AspectRatio(1, 1)
ROUND = 360
_MOST_NAMED = 5  # angles of a message


def read_views(fields: Fields, total_images: int) -> tuple[StageRequest, ...]:  # noqa: ARG001 - cut in the plan
    """A stage an angle in the order given; what cannot be read is noted in the fields' findings."""
    source = _source(fields)
    angles = _angles(fields)
    references = _references(fields, angles)
    prompt = fields.text("originalPrompt") or ""
    ratio = fields.aspect_ratio(SQUARE)
    view = View(_category(fields), place_turns=bool(fields.flag("rotateBackground")))
    return tuple(
        StageRequest(
            prompt,
            ratio,
            tuple(filter(None, (source, references.get(degrees)))),
            (_item(degrees),),
            view=view,
        )
        for degrees in angles
    )


def _item(degrees: int) -> ItemRequest:
    """One image of it. A view a few degrees on, or before the same background, is near to its source."""
    is_source = degrees == 0
    return ItemRequest(
        f"{degrees}°",
        "",
        1,
        degrees=degrees,
        is_free=is_source,
        as_given=is_source,
        stays_near=True,
    )


def _source(fields: Fields) -> RequestedReference | None:
    inline = inline_reference(fields, "sourceImageBase64", ("sourceImageBase64",), "source")
    if inline is not None:
        return inline
    if values.is_nothing(fields.value("sourceAttachId")):
        fields.fault(
            "sourceAttachId",
            "sourceAttachId or sourceImageBase64 must name the picture to go round.",
        )
        return None
    attach_id = fields.attach_id("sourceAttachId")
    if attach_id is None:
        shown = values.shown(fields.value("sourceAttachId"))
        key = fields.key("sourceAttachId")
        fields.fault("sourceAttachId", f"{key} must be the id of an attachment, but it is {shown}.")
    return RequestedReference(attach_id, "source", fields.key("sourceAttachId"))


def _angles(fields: Fields) -> tuple[int, ...]:
    """Degrees from 0 to 359, each once, in the order given."""
    given = []
    for where, entry in fields.entries("angles"):
        degrees = whole_degrees(entry)
        if degrees is None:
            fields.fault("angles", f"{where} must be whole degrees, but it is {values.shown(entry)}.")
        else:
            given.append(degrees)
    repeated = _listed(degrees for degrees, times in Counter(given).items() if times > 1)
    if repeated:
        fields.remark("angles", f"{fields.key('angles')} repeats {repeated}: each is made once.")
    return tuple(dict.fromkeys(given)) or DEFAULT_ANGLES


def whole_degrees(value: object) -> int | None:
    """Degrees from 0 to 359 of a whole number, also as text and with its sign; None for anything else."""
    found = values.number(value.strip().removesuffix("°") if isinstance(value, str) else value)
    if found is None or found != int(found) or abs(found) >= values.LARGEST_NUMBER:
        return None
    return int(found) % ROUND


def _references(fields: Fields, angles: Iterable[int]) -> Mapping[int, RequestedReference]:
    """The reference of each angle that has one; those that no image shows are remarked on."""
    wanted = frozenset(angles) - {0}
    found: dict[int, RequestedReference] = {}
    for entry in fields.objects("referenceImages"):
        where = entry.key("angle")
        degrees = whole_degrees(entry.value("angle"))
        if degrees is None:
            shown = values.shown(entry.value("angle"))
            fields.fault("referenceImages", f"{where} must be whole degrees, but it is {shown}.")
        elif degrees in found:
            fields.fault("referenceImages", f"{where}: {degrees}° has a reference already and takes one.")
        else:
            found[degrees] = RequestedReference(entry.attach_id("attachId", "id"), "reference", where)
    for degrees in [degrees for degrees in found if degrees not in wanted]:
        why = "0° is the source itself" if degrees == 0 else f"{degrees}° is not asked for"
        fields.remark("referenceImages", f"{found.pop(degrees).where} was left out: {why}.")
    return found


def _category(fields: Fields) -> str:
    category = (fields.label("category") or "").lower()
    if category in LINES:
        return category
    fields.replace("category", f"one of {', '.join(filter(None, LINES))}", "none")
    return ""


def _listed(angles: Iterable[int]) -> str:
    named = [f"{degrees}°" for degrees in angles]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


PATH = ProductionPath(
    name="multiview",
    categories=(
        Category(
            name="source",
            kind=Kind.ITEMS,
            types=("source",),
            one="source",
            many="sources",
            note="the subject to be seen from elsewhere",
            required=True,
        ),
        Category(
            name="reference",
            kind=Kind.GUIDE,
            types=("reference",),
            one="reference",
            many="references",
            note="for pose and perspective only",
        ),
    ),
    untyped="source",
    angles=Vocabulary({}),
    shots=Vocabulary({}),
    brief=BriefRules.none(),
)

KIND = ImageKind(
    PATH,
    read=read_views,
    brief=write_view,
    temperature=0.5,
    description="Multiview 360 Image Generation",
    object_name="multiview-images/user-{owner}/multiview_{job_id}_angle{degrees}.webp",
    needs_user=True,
)
