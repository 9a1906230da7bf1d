"""Modify: a picture is changed where a mask's strokes mark it, and nowhere else (in-painting).

Told by the key maskDataUrl, whatever the path. Mask and references stand in the input itself, as data URLs;
here it is only read where. What the old server's submit wrote was charged then: without chargedOnDelivery
the images are delivered without a charge.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from quel.core.aspect import DEFAULT_ASPECT_RATIO
from quel.core.image_kind import ImageKind
from quel.core.job import DEFAULT_PROMPT, Area, ItemRequest, RequestedReference, StageRequest
from quel.core.kind import CHARGED_ON_DELIVERY
from quel.core.prompting.colour_names import LONGEST_CHARACTERS
from quel.core.prompting.picture import PictureSpec
from quel.core.prompting.retouch import LAYER, MASK, ORIGINAL, STYLE, write_retouch, write_retouch_labels
from quel.core.prompting.rules import BriefRules, Category, Kind, ProductionPath, Vocabulary
from quel.core.request import values
from quel.core.request.fields import Fields
from quel.core.request.inline import inline_reference

_MOST_LAYERS = 32
"""More colours than a person tells apart; the rest is named once as left out."""

_LONGEST_ADDRESS = 2_048  # characters; what is longer is no address of an object, but a picture
_TEMPERATURE = 0.45
_UNTOUCHED = (
    1.0  # levels of 255 from the picture as it is shown: strokes over one block in a hundred move more
)

CATEGORIES = (
    Category(
        name=ORIGINAL,
        kind=Kind.PLACE,
        types=(ORIGINAL,),
        one="picture to change",
        many="pictures to change",
        at_most=1,
        required=True,
    ),
    Category(name=MASK, kind=Kind.MASK, types=(MASK,), one="mask", many="masks", at_most=1, required=True),
    Category(
        name=STYLE,
        kind=Kind.GUIDE,
        types=(STYLE,),
        one="reference for the style",
        many="references for the style",
        at_most=1,
    ),
    Category(
        name=LAYER,
        kind=Kind.GUIDE,
        types=(LAYER,),
        one="reference for an area",
        many="references for areas",
    ),
)


def read_modify(fields: Fields, total_images: int) -> tuple[StageRequest, ...]:
    """The one stage of an in-painting; what cannot be read is noted in the fields' findings."""
    quantity = fields.quantity("quantity")
    if quantity is None and total_images > 0:
        quantity = total_images
    layers = list(islice(_layers(fields), _MOST_LAYERS + 1))
    if len(layers) > _MOST_LAYERS:
        fields.remark("layers", f"Of {fields.key('layers')} only the first {_MOST_LAYERS} were used.")
        layers = layers[:_MOST_LAYERS]
    style = inline_reference(fields, "referenceImageDataUrl", ("referenceImageDataUrl",), STYLE)
    references = (_original(fields), _mask(fields), style, *(reference for _, reference in layers))
    stage = StageRequest(
        prompt=fields.text("prompt") or DEFAULT_PROMPT,
        aspect_ratio=fields.aspect_ratio(DEFAULT_ASPECT_RATIO),
        references=tuple(reference for reference in references if reference is not None),
        items=(ItemRequest("", "", quantity, is_free=not fields.flag(CHARGED_ON_DELIVERY), stays_near=True),),
        negative_prompt=fields.text("negative_prompt") or "",
        areas=tuple(area for area, _ in layers),
    )
    return (stage,)


def _original(fields: Fields) -> RequestedReference | None:
    """The picture to change; its address counts where the attachment cannot be had."""
    attach_id, address = fields.attach_id("originalAttachId"), _address(fields)
    if attach_id is None and not address:
        value = fields.value("originalAttachId")
        fault = "is missing" if values.is_nothing(value) else f"cannot be read (it is {values.shown(value)})"
        key = fields.key("originalAttachId")
        fields.fault("originalAttachId", f"{key} {fault}: it must be the id of the picture to change.")
        return None
    where = "originalImageUrl" if attach_id is None else "originalAttachId"
    return RequestedReference(attach_id, ORIGINAL, fields.key(where), address=address)


def _address(fields: Fields) -> str:
    """Without what is behind `?`: a signed address has its token there."""
    address = values.plain_text(fields.value("originalImageUrl")) or ""
    is_one = address.lower().startswith(("http://", "https://")) and len(address) <= _LONGEST_ADDRESS
    return address.partition("?")[0].partition("#")[0] if is_one else ""


def _mask(fields: Fields) -> RequestedReference | None:
    mask = inline_reference(fields, "maskDataUrl", ("maskDataUrl",), MASK)
    if mask is None:
        key = fields.key("maskDataUrl")
        fields.fault("maskDataUrl", f"{key} is empty: it must be the mask of what to change, as a data URL.")
    return mask


def _layers(fields: Fields) -> Iterator[tuple[Area, RequestedReference | None]]:
    """Each layer and its own reference; one without a colour marks nothing and is left out."""
    name = fields.key("layers")
    for where, entry in fields.entries("layers"):
        if not isinstance(entry, dict):
            what = values.kind_of(entry)
            fields.remark("layers", f"{where} was left out: it must be an object, but it is {what}.")
            continue
        layer = fields.inner(where, entry)
        colour = values.plain_text(values.only(layer.value("color"))) or ""
        if not 0 < len(colour) <= LONGEST_CHARACTERS:
            layer.remark("color", f"{where} was left out: it has no color, so no stroke is known as its own.")
            continue
        index = where.removeprefix(name).strip("[]")
        place = ("layers", int(index)) if index else ("layers",)
        reference = inline_reference(layer, "referenceImage", (*place, "referenceImage"), LAYER)
        yield Area(colour, layer.text("prompt") or "", reference.where if reference else ""), reference


def _brief(
    path: ProductionPath,  # noqa: ARG001 - all images are told the same, and differ by their seeds
    pictures: Sequence[PictureSpec],
    stage: StageRequest,
    item: ItemRequest,  # noqa: ARG001
    *,
    number: int,  # noqa: ARG001
    of: int,  # noqa: ARG001
) -> str:
    return write_retouch(pictures, stage)


def _labels(_path: ProductionPath, pictures: Sequence[PictureSpec], stage: StageRequest) -> tuple[str, ...]:
    return write_retouch_labels(pictures, stage)


PATH = ProductionPath(
    name="modify",
    categories=CATEGORIES,
    untyped=STYLE,
    angles=Vocabulary({}),
    shots=Vocabulary({}),
    brief=BriefRules(
        picture="picture",
        subject=(),
        medium=(),
        angle=(),
        framing=(),
        cast=(),
        mood="",
        scene=(),
        kept=(),
        craft=(),
        free=(),
        variations=(),
    ),
)

KIND = ImageKind(
    path=PATH,
    read=read_modify,
    brief=_brief,
    labels=_labels,
    temperature=_TEMPERATURE,
    description="Modified image {number}",
    same_picture=_UNTOUCHED,
)
