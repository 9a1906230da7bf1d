"""Reads an in-painting as it is ordered over HTTP, and says what its rows hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from quel.core.errors import InvalidInput
from quel.core.kind import CHARGED_ON_DELIVERY
from quel.core.request import values
from quel.core.request.fields import Fields, Findings

MOST_IMAGES = 10
"""Of one order, as the front end offers them."""

_NAMED_BY = 47  # characters of the prompt that a production is named by
_MISSING = "{} is missing."


@dataclass(frozen=True)
class ModifyOrder:
    """An in-painting that can be written as a job. `input_data` is its job_input_data."""

    user_id: UUID
    prompt: str
    quantity: int
    input_data: Mapping[str, Any]

    @property
    def production_name(self) -> str:
        """What lists call it."""
        return f"Modify - {self.prompt[:_NAMED_BY]}"

    @property
    def row(self) -> dict[str, Any]:
        """The job's row, as a file for `quel submit` has it."""
        return {
            "job_type": "simple_general",
            "total_images": self.quantity,
            "batch_index": 0,
            "job_input_data": self.input_data,
        }


def read_modify_order(body: object, user_id: UUID | None) -> ModifyOrder:
    """The order in a request's body; whose it is says `user_id` alone, never the body.

    Raises InvalidInput with a sentence that names the key, for the first that is missing or cannot be read.
    What the mask shows is not looked at.
    """
    if not isinstance(body, Mapping):
        raise InvalidInput("The body must be a JSON object.")
    fields = Fields(body, Findings())
    for key in ("imageUrl", "maskDataUrl", "attachId"):
        if values.is_nothing(fields.value(key)):
            raise InvalidInput(_MISSING.format(key))
    if user_id is None:
        raise InvalidInput(_MISSING.format("userId"))
    prompt, quantity = _text(fields, "prompt") or "", _quantity(fields)
    ratio = values.aspect_ratio(fields.value("aspectRatio"))
    return ModifyOrder(
        user_id,
        prompt,
        quantity,
        {
            "originalImageUrl": _text(fields, "imageUrl"),
            "originalAttachId": _attach_id(fields),
            "originalProductionId": _text(fields, "originalProductionId"),
            "maskDataUrl": _text(fields, "maskDataUrl"),
            "prompt": prompt,
            "layers": list(_layers(fields)),
            "referenceImageDataUrl": _text(fields, "referenceImage"),
            "quantity": quantity,
            "aspect-ratio": str(ratio) if ratio else None,
            "userId": str(user_id),
            CHARGED_ON_DELIVERY: True,
        },
    )


def _text(fields: Fields, key: str) -> str | None:
    text = values.plain_text(fields.value(key))
    if text is None:
        raise InvalidInput(f"{fields.key(key)} must be text, but it is {values.kind_of(fields.value(key))}.")
    return text or None


def _attach_id(fields: Fields) -> int:
    attach_id = fields.attach_id("attachId")
    if attach_id is None:
        raise InvalidInput(f"attachId must be an id, but it is {values.shown(fields.value('attachId'))}.")
    return attach_id


def _quantity(fields: Fields) -> int:
    value = fields.value("quantity")
    quantity = 1 if value is None else values.whole_count(value)
    if quantity is None or not 1 <= quantity <= MOST_IMAGES:
        raise InvalidInput(f"quantity must be from 1 to {MOST_IMAGES}, but it is {values.shown(value)}.")
    return quantity


def _layers(fields: Fields) -> Iterator[dict[str, Any]]:
    for where, entry in fields.entries("layers"):
        if not isinstance(entry, dict):
            raise InvalidInput(f"{where} must be an object, but it is {values.kind_of(entry)}.")
        layer = fields.inner(where, entry)
        yield {key: _text(layer, key) for key in ("color", "prompt", "referenceImage")}
