"""The fields of a generateContent request by API version, as the provider publishes them; others are refused.

What v1 lacks is refused there as the service does: `responseModalities` and `imageConfig` are in v1beta only.
Deeper messages that quel never sends (tools, schemas, safety settings) are taken unread.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]  # field → None (taken unread), or the schema of the message or messages in it

_BLOB: Schema = dict.fromkeys(("mimeType", "data"))
_PART_V1: Schema = {"text": None, "inlineData": _BLOB}
_PART: Schema = _PART_V1 | dict.fromkeys(
    (
        "thought", "thoughtSignature", "functionCall", "functionResponse", "fileData", "executableCode",
        "codeExecutionResult", "toolCall", "toolResponse", "videoMetadata", "partMetadata", "mediaResolution",
    )
)  # fmt: skip
_CONFIG_V1: Schema = dict.fromkeys(
    (
        "candidateCount", "stopSequences", "maxOutputTokens", "temperature", "topP", "topK", "seed",
        "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers",
    )
)  # fmt: skip
_CONFIG: Schema = (
    _CONFIG_V1
    | dict.fromkeys(
        (
            "responseModalities", "responseMimeType", "responseSchema", "responseJsonSchema", "speechConfig",
            "thinkingConfig", "mediaResolution",
        )
    )
    | {"imageConfig": dict.fromkeys(("aspectRatio", "imageSize"))}
)  # fmt: skip


def _request(part: Schema, config: Schema, *more: str) -> Schema:
    content = {"role": None, "parts": part}
    known: Schema = {"model": None, "contents": content, "generationConfig": config, "safetySettings": None}
    return {**known, **dict.fromkeys(more), **({"systemInstruction": content} if more else {})}


_V1BETA = _request(_PART, _CONFIG, "systemInstruction", "tools", "toolConfig", "cachedContent")
REQUESTS: Mapping[str, Schema] = {
    "v1": _request(_PART_V1, _CONFIG_V1),
    "v1beta": _V1BETA,
    "v1alpha": _V1BETA,
}
"""By API version; another version has no routes at all."""


def unknown_fields(message: Any, schema: Schema, at: str = "") -> Iterator[tuple[str, str]]:
    """Each field that the schema does not know, with where it stands in the service's spelling ("" on top).

    Names are compared in camelCase and told as they came.
    """
    if not isinstance(message, dict):
        return
    for name, value in message.items():
        known = camel_case(name)
        if known not in schema:
            yield name, at
            continue
        inner, place = schema[known], f"{at}.{snake_case(known)}".lstrip(".")
        if inner is None:
            continue
        if isinstance(value, list):
            for number, entry in enumerate(value):
                yield from unknown_fields(entry, inner, f"{place}[{number}]")
        else:
            yield from unknown_fields(value, inner, place)


def camel_case(name: str) -> str:
    """`image_config` as `imageConfig`; the service takes either."""
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def snake_case(name: str) -> str:
    """`imageConfig` as `image_config`."""
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)
