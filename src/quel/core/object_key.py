"""Turns a path out of a database row into the key of an object, or refuses it: no key leaves its bucket.

Keys hold no percent sign (Supabase allows letters, digits and `_ / ! . * ' ( ) & $ @ = ; : + , ?` and space),
so one layer of percent-encoding is read as such and a second one is refused. Everything is quoted anew.
"""

import re
from urllib.parse import quote, unquote

_LONGEST_CHARACTERS = 1024  # of a key in S3 and in Supabase


class UnsafePathError(ValueError):
    """The path names no object of the bucket; the message is a predicate."""


def reference_key(path: str) -> str:
    """The key of a reference: one leading slash is dropped, `upload-…` lives under `uploads/` (SPEC 1.5).

    Raises UnsafePathError.
    """
    key = safe_key(path)
    return f"uploads/{key}" if key.startswith("upload-") else key


def safe_key(path: str) -> str:
    """The decoded key, whose segments are plain names. Raises UnsafePathError."""
    key = unquote(path.strip(), errors="replace").removeprefix("/")
    if not key:
        raise UnsafePathError("is empty")
    if len(key) > _LONGEST_CHARACTERS:
        raise UnsafePathError("is too long")
    if "%" in key or "\\" in key or "\ufffd" in key or not key.isprintable():
        raise UnsafePathError("holds characters that no object's path has")
    if any(segment.strip(" .") == "" for segment in key.split("/")):
        raise UnsafePathError("is no plain path within the bucket")
    return key


def quoted(key: str) -> str:
    """The key as it stands in a URL: every character but letters, digits, `_.-~` and `/` is encoded."""
    return quote(key, safe="/")


def logged_key(key: str) -> str:
    """The key as logs may hold it: without a query, and a folder of one person (`user-…`) without the id."""
    return re.sub(r"(?<![^/])user-[^/]+", "user-*", re.sub(r"[?#].*", "", key, flags=re.DOTALL))


def shown_name(path: str) -> str:
    """The last part of a path, for messages: at most 80 printable characters.

    Nothing behind `?` or `#`: a signed address has its token there.
    """
    name = re.split("[?#]", path, maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable())[:80] or "(no name)"
