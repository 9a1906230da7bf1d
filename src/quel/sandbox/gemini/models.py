"""The models the simulator knows, and what each refuses, as of November 2026."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelRules:
    """What a request to this model may hold."""

    max_pictures: int = 14
    image_size: bool = True
    system_instruction: bool = True


MODELS = {
    "gemini-nano-banana-2.1": ModelRules(),
    "gemini-3-pro-image": ModelRules(),
    "gemini-3.1-flash-image": ModelRules(),
    "gemini-2.5-flash-image": ModelRules(max_pictures=3, image_size=False, system_instruction=False),
}


def description(model: str) -> dict[str, object]:
    """A model as `GET …/models/{model}` describes it."""
    return {
        "name": f"models/{model}",
        "version": "sandbox",
        "displayName": f"{model} (sandbox)",
        "inputTokenLimit": 65536,
        "outputTokenLimit": 32768,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
