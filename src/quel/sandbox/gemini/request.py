"""Reads a generateContent request as the provider does: camelCase or snake_case, either base64 alphabet.

A field that the API version does not have is refused, as the provider does.
"""

import base64
import binascii
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from quel.core.aspect import GRID_SIZES_PX
from quel.sandbox.gemini.models import ModelRules
from quel.sandbox.gemini.schema import REQUESTS, camel_case, unknown_fields

IMAGE_SIZES = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}
DEFAULT_IMAGE_SIZE = "1K"
ASPECT_RATIOS = {str(ratio): size for ratio, size in GRID_SIZES_PX.items()}
DEFAULT_ASPECT_RATIO = "1:1"


class InvalidArgument(Exception):
    """The provider would answer 400 INVALID_ARGUMENT with this message, and `violations` of fields."""

    def __init__(self, message: str, violations: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations


@dataclass(frozen=True)
class ReceivedPicture:
    """A picture as it arrived; `sha256` is of its bytes, in hexadecimal."""

    mime_type: str
    width: int
    height: int
    sha256: str
    data: bytes


@dataclass(frozen=True)
class GenerateContent:
    """What one request asks for. `parts` tells the order, each "text" or "picture".

    `fields` are the names of the request's own members, `config` is its generationConfig as it came.
    """

    prompt: str
    parts: tuple[str, ...]
    pictures: tuple[ReceivedPicture, ...]
    picture_count: int
    aspect_ratio: str
    image_size: str | None
    seed: int | None
    temperature: float | None
    response_modalities: tuple[str, ...]
    system_instruction: bool
    fields: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def size_px(self) -> tuple[int, int]:
        """The picture's (width, height)."""
        width, height = ASPECT_RATIOS[self.aspect_ratio]
        scale = IMAGE_SIZES[self.image_size or DEFAULT_IMAGE_SIZE]
        return int(width * scale), int(height * scale)


def read_request(body: bytes, *, open_pictures: bool, version: str = "v1beta") -> GenerateContent:
    """The request in `body`, by the fields that `version` of the API has.

    Raises InvalidArgument where the provider would refuse it.
    Without `open_pictures` they are counted but neither decoded nor kept, which costs next to nothing.
    """
    request = _parse(body, version)
    parts = [part for content in request.get("contents") or [] for part in content.get("parts") or []]
    if not parts:
        raise InvalidArgument("* GenerateContentRequest.contents: contents is not specified")
    config = request.get("generationConfig") or {}
    image = config.get("imageConfig") or {}
    pictures = [part["inlineData"] for part in parts if "inlineData" in part]
    return GenerateContent(
        prompt="\n".join(part["text"] for part in parts if "text" in part),
        parts=tuple("picture" if "inlineData" in part else "text" for part in parts),
        pictures=tuple(map(_open, pictures)) if open_pictures else (),
        picture_count=len(pictures),
        aspect_ratio=_one_of(ASPECT_RATIOS, image.get("aspectRatio"), "aspect_ratio") or DEFAULT_ASPECT_RATIO,
        image_size=_one_of(IMAGE_SIZES, image.get("imageSize"), "image_size"),
        seed=config.get("seed"),
        temperature=config.get("temperature"),
        response_modalities=tuple(config.get("responseModalities") or ()),
        system_instruction=bool(request.get("systemInstruction")),
        fields=tuple(request),
        config=config,
    )


def check_against(rules: ModelRules, asked: GenerateContent) -> None:
    """Raises InvalidArgument for what this model does not take."""
    if asked.picture_count > rules.max_pictures:
        raise InvalidArgument(f"This model supports at most {rules.max_pictures} input images.")
    if asked.image_size and not rules.image_size:
        raise InvalidArgument("Image size is not supported by this model.")
    if asked.system_instruction and not rules.system_instruction:
        raise InvalidArgument("Developer instruction is not enabled for this model.")


def _parse(body: bytes, version: str) -> dict[str, Any]:
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise InvalidArgument("Invalid JSON payload received.") from error
    if not isinstance(sent, dict):
        raise InvalidArgument("Invalid JSON payload received. Root element must be a message.")
    violations = tuple(
        {"field": at, "description": _unknown_name(name, at)}
        for name, at in unknown_fields(sent, REQUESTS[version])
    )
    if violations:
        raise InvalidArgument("\n".join(each["description"] for each in violations), violations)
    request: dict[str, Any] = _camel_case(sent)
    return request


def _unknown_name(name: str, at: str) -> str:
    place = f" at '{at}'" if at else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'


def _camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    if isinstance(value, dict):
        return {camel_case(key): _camel_case(item) for key, item in value.items()}
    return value


def _one_of(known: Any, value: str | None, field: str) -> str | None:
    if value is not None and value not in known:
        raise InvalidArgument(f"Invalid value at 'generation_config.image_config.{field}'.")
    return value


def _open(inline: dict[str, str]) -> ReceivedPicture:
    try:
        text = inline["data"].replace("-", "+").replace("_", "/").rstrip("=")
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except (KeyError, binascii.Error, OSError) as error:
        raise InvalidArgument("Unable to process input image.") from error
    return ReceivedPicture(inline.get("mimeType", ""), width, height, hashlib.sha256(data).hexdigest(), data)
