"""Lets through of a provider's message what helps a reader, and nothing of what was sent.

Google's messages may quote values of the request, and for some refusals the API key itself. A gateway's may
hold JSON, HTML or what is no text at all, which helps nobody: its words end where that begins.
"""

import re

_LONGEST_CHARACTERS = 200

_KEY_SHAPES = re.compile(r"AIza[\w-]{10,}|AQ\.[\w-]{10,}|(?<=api_key:)\S+|(?<=key=)\S+")
_LONG_QUOTES = re.compile(r"\"[^\"]{25,}\"?|'[^']{25,}'?|“[^”]{25,}”?")
_MARKUP = re.compile("[{}<>\\ufffd]|\\[\\s*[\"'\\[]")  # U+FFFD: bytes that were no text


def provider_words(message: object, secrets: tuple[str, ...]) -> str:
    """At most 200 characters on one line, without `secrets`, keys and longer quotations; "" for no text."""
    if not isinstance(message, str):
        return ""
    words = _MARKUP.split(message, maxsplit=1)[0].rstrip(" :\n\"'")
    for secret in secrets:
        words = words.replace(secret, "…") if secret else words
    words = _KEY_SHAPES.sub("…", words)
    words = _LONG_QUOTES.sub("“…”", words)
    words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return words if len(words) <= _LONGEST_CHARACTERS else f"{words[: _LONGEST_CHARACTERS - 1]}…"
