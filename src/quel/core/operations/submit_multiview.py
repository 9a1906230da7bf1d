"""Reads a turn-around as the old server's endpoint took it, and says what its job's row holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from quel.core.errors import Declined, InvalidInput, ReferenceUnavailable
from quel.core.job import JobType
from quel.core.kind import Kind
from quel.core.kinds.multiview import DEFAULT_ANGLES, ROUND
from quel.core.operations.submit_job import PictureFile
from quel.core.prompting.turn_around import LINES
from quel.core.request import values
from quel.core.request.inline import picture_in

MOST_REFERENCES = 3
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif"}


class RefusalCode(StrEnum):
    """Why an order was refused, in the old server's words."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_CATEGORY = "INVALID_CATEGORY"
    INVALID_ANGLE = "INVALID_ANGLE"
    IMAGE_REQUIRED = "IMAGE_REQUIRED"


class MultiviewRefused(Declined):
    """The order is not taken."""

    def __init__(self, refusal: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True)
class MultiviewOrder:
    """A turn-around that can be written as a job: its row, and the references by the names it has there."""

    user_id: UUID
    angles: tuple[int, ...]
    row: Mapping[str, Any]
    pictures: Mapping[str, PictureFile]


def read_multiview_order(body: object, user_id: UUID | None, *, at_most_bytes: int) -> MultiviewOrder:
    """The order in a request's body; whose it is says `user_id` alone.

    `at_most_bytes` are those of a picture. Raises MultiviewRefused for the first thing that is wrong.
    """
    if not isinstance(body, Mapping):
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, "The body must be a JSON object.")
    if user_id is None:
        raise MultiviewRefused(RefusalCode.UNAUTHORIZED, "userId is missing.")
    if values.is_nothing(body.get("sourceImage")):
        raise MultiviewRefused(RefusalCode.IMAGE_REQUIRED, "sourceImage is missing.")
    _picture(body, "sourceImage", at_most_bytes)
    angles = _angles(body)
    category = body.get("category") or ""
    if not isinstance(category, str) or category.lower() not in LINES:
        known = ", ".join(filter(None, LINES))
        raise MultiviewRefused(RefusalCode.INVALID_CATEGORY, f"category must be one of {known}.")
    references, pictures = _references(body, at_most_bytes)
    data = {
        "sourceImageBase64": body["sourceImage"],
        "angles": list(angles),
        "referenceImages": references,
        "category": category.lower(),
        "userId": str(user_id),
        **{
            name: body[name] for name in ("originalPrompt", "aspectRatio", "rotateBackground") if name in body
        },
    }
    return MultiviewOrder(user_id, angles, multiview_row(data, len(angles)), pictures)


def multiview_row(data: Mapping[str, Any], images: int) -> dict[str, Any]:
    """The row of a turn-around with this input."""
    return {
        "job_type": JobType.SIMPLE_GENERAL,
        "quel_production_path": Kind.MULTIVIEW.value,
        "stage_name": "Multiview",
        "total_images": images,
        "job_input_data": data,
    }


def _angles(body: Mapping[str, Any]) -> tuple[int, ...]:
    given = body.get("angles") or list(DEFAULT_ANGLES)
    if not isinstance(given, list):
        raise MultiviewRefused(RefusalCode.INVALID_ANGLE, "angles must be a list of whole degrees.")
    return tuple(dict.fromkeys(_angle(each) for each in given))


def _angle(value: object) -> int:
    found = values.number(value)
    if found is None or found != int(found) or not 0 <= found < ROUND:
        raise MultiviewRefused(
            RefusalCode.INVALID_ANGLE,
            f"An angle must be whole degrees from 0 to 359, not {values.shown(value)}.",
        )
    return int(found)


def _references(
    body: Mapping[str, Any], at_most_bytes: int
) -> tuple[list[dict[str, Any]], dict[str, PictureFile]]:
    given = body.get("referenceImages") or []
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, "referenceImages must be a list of objects.")
    if len(given) > MOST_REFERENCES:
        words = f"There may be {MOST_REFERENCES} reference images, but there are {len(given)}."
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, words)
    references, pictures = [], {}
    for each in given:
        angle, data = _angle(each.get("angle")), _picture(each, "image", at_most_bytes)
        name = f"reference-{angle}{_ending(data)}"
        if name in pictures:
            raise MultiviewRefused(RefusalCode.INVALID_REQUEST, f"{angle}° has two reference images.")
        references.append({"attachId": name, "angle": angle})
        pictures[name] = PictureFile(name, data)
    return references, pictures


def _picture(fields: Mapping[str, Any], key: str, at_most_bytes: int) -> bytes:
    try:
        return picture_in(dict(fields), (key,), at_most_bytes=at_most_bytes)
    except ReferenceUnavailable as error:
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, f"{key} cannot be used: {error}") from None


def _ending(data: bytes) -> str:
    for beginning, ending in _ENDINGS.items():
        if data.startswith(beginning):
            return ending
    raise MultiviewRefused(RefusalCode.INVALID_REQUEST, "A reference image must be JPEG, PNG, WebP or GIF.")


def read_count(words: str | None) -> int:
    """How many angles are asked about. Raises InvalidInput for what is none from 1 to 360."""
    count = len(DEFAULT_ANGLES) if words is None else values.whole_count(words)
    if count is None or not 1 <= count <= ROUND:
        raise InvalidInput(f"angleCount must be from 1 to {ROUND}, but it is {values.shown(words)}.")
    return count
