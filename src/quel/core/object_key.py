"""What may be the key of an object, and how keys are written down: no key leaves its bucket.

Keys hold no percent sign (Supabase allows letters, digits and `_ / ! . * ' ( ) & $ @ = ; : + , ?` and space),
so one layer of percent-encoding is read as such and a second one is refused. Everything is quoted anew.
"""

import re
from urllib.parse import quote, unquote

_LONGEST_CHARACTERS = 1024  # of a key in S3 and in Supabase


class UnsafePathError(ValueError):
    """The path names no object of the bucket; the message is a predicate."""


def safe_key(path: str) -> str:
    """The decoded key of an object quel writes, whose segments are plain names. Raises UnsafePathError."""
    key = checked_key(unquote(path.strip(), errors="replace").removeprefix("/"))
    if any(segment.strip() == "" for segment in key.split("/")):
        raise UnsafePathError("is no plain path within the bucket")
    return key


def checked_key(key: str) -> str:
    """The key itself. Raises UnsafePathError where a server could read it as something outside the bucket."""
    if not key or key.isspace():
        raise UnsafePathError("is empty")
    if len(key) > _LONGEST_CHARACTERS:
        raise UnsafePathError("is too long")
    if "%" in key or "\\" in key or "\ufffd" in key or not key.isprintable():
        raise UnsafePathError("holds characters that no object's path has")
    if key.endswith("/") or any("." in name and not name.strip(" .") for name in key.split("/")):
        raise UnsafePathError("is no plain path within the bucket")
    return key


def uploaded(key: str) -> str:
    """A key that begins with `upload-` lives under `uploads/` (SPEC 1.5)."""
    return f"uploads/{key}" if key.startswith("upload-") else key


def quoted(key: str) -> str:
    """The key as it stands in a URL: every character but letters, digits, `_.-~` and `/` is encoded."""
    return quote(key, safe="/")


def logged_key(path: str) -> str:
    """A key or stored path as logs may hold it: without host or query, `user-…` folders without the id."""
    key = unquote(re.split("[?#]", path.strip(), maxsplit=1)[0], errors="replace")
    key = re.sub(r"^(?:[a-z][a-z0-9+.-]*:)?//[^/]*", "", key, flags=re.IGNORECASE)
    return re.sub(r"(?<![^/])user-[^/]+", "user-*", uploaded(key.removeprefix("/")))


def shown_name(path: str) -> str:
    """The last part of a path, for messages: at most 80 printable characters.

    Nothing behind `?` or `#`: a signed address has its token there.
    """
    name = re.split("[?#]", path, maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable())[:80] or "(no name)"
