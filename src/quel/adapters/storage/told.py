"""Reads what Storage tells of a bucket and of an object. Pure."""

import json

from quel.core.bucket_settings import BucketSettings
from quel.core.errors import ServiceUnavailable


def settings_in(body: bytes) -> BucketSettings:
    """A bucket's settings. Raises ServiceUnavailable."""
    try:
        told = json.loads(body)
        types, limit = told.get("allowed_mime_types"), told.get("file_size_limit")
        return BucketSettings(
            public=told["public"] is True,
            file_size_limit_bytes=None if limit is None else int(limit),
            allowed_mime_types=tuple(map(str, types)) if types else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ServiceUnavailable("Storage does not tell the bucket's settings.") from None


def size_in(body: bytes) -> int:
    """An object's size. Raises ServiceUnavailable."""
    try:
        info = json.loads(body)
        return int(info["size"])
    except (ValueError, TypeError, KeyError):
        raise ServiceUnavailable("Storage does not tell the size of an object.") from None


def limit_told(size_bytes: int, limit_bytes: int | None) -> str:
    """A sentence on a picture that is too large and on the bucket's limit, None where it has none."""
    whose = "the limit is the project's or a gateway's"
    if limit_bytes is not None and limit_bytes < size_bytes:
        whose = f"the bucket's limit is {limit_bytes:,} bytes"
    return f" It has {size_bytes:,} bytes; {whose}."
