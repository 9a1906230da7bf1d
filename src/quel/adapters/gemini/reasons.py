"""Why Gemini withholds a picture, as data: each finishReason and blockReason with what follows from it.

The lists are those of the generateContent reference; a value that is missing here is read as one that may
come out differently next time.
"""

import re

from quel.core.outcome import Broken, Refused

# Gemini will say the same next time: (reason, what the customer can make of it).
_PERMANENT = {
    "SAFETY": "its safety filter stopped it",
    "IMAGE_SAFETY": "its safety filter stopped the finished picture",
    "BLOCKLIST": "the prompt contains a blocked term",
    "PROHIBITED_CONTENT": "it takes prompt or references for prohibited content",
    "IMAGE_PROHIBITED_CONTENT": "it takes the finished picture for prohibited content",
    "SPII": "it takes the prompt for sensitive personal data",
    "RECITATION": "the result would repeat protected material",
    "IMAGE_RECITATION": "the finished picture would repeat a protected one",
    "LANGUAGE": "it does not support the language of the prompt",
    "MODEL_ARMOR": "a filter of the account stopped it",
    "JAILBREAK": "it takes the prompt for an attempt to get around its rules",
}

_ACCOUNT = {"PUP_LIMITED_DISABLED"}

# Another call may bring a picture.
_PASSING = {
    "NO_IMAGE": "it made no image",
    "IMAGE_OTHER": "it made no image and gave no reason",
    "OTHER": "it stopped for an unnamed reason",
    "MALFORMED_RESPONSE": "its answer was malformed",
    "MAX_TOKENS": "its answer was cut off",
    "STOP": "it ended without an image",
}


def blocked_prompt(reason: object) -> Refused:
    """What a promptFeedback.blockReason comes to: always a refusal, also where the reason is a new one."""
    name = _name_of(reason)
    if name in _ACCOUNT:
        return _disabled_account(name)
    because = _PERMANENT.get(name, f"it gives {name} as the reason")
    return Refused(
        f"prompt_blocked_{name.lower()}",
        f"Gemini does not accept the prompt or its references: {because}. Change them and try again.",
    )


def finished_without_picture(reason: object) -> Refused | Broken:
    """What a candidate's finishReason comes to when no picture came with it."""
    name = _name_of(reason)
    if name in _ACCOUNT:
        return _disabled_account(name)
    if name in _PERMANENT:
        return Refused(
            f"blocked_{name.lower()}",
            f"Gemini refused to make this image: {_PERMANENT[name]}. Change the prompt or the references.",
        )
    because = _PASSING.get(name, f"it gave {name} as the reason")
    return Broken(f"no_picture_{name.lower()}", f"Gemini answered without a picture: {because}.")


def _disabled_account(name: str) -> Refused:
    return Refused(
        f"account_{name.lower()}",
        "Gemini has limited the account that quel uses; an operator must clear it with Google.",
        account=True,
    )


def _name_of(reason: object) -> str:
    """The reason where it looks like one of Gemini's constants; any other text is not repeated."""
    if isinstance(reason, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{1,48}", reason):
        return reason
    return "UNKNOWN"
