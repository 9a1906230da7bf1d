"""Signs webhooks as Standard Webhooks asks for, so that any of its libraries verifies them.

Signed is `id.timestamp.body` with HMAC-SHA256; a secret is written as `whsec_` and base64. With two secrets
there are two signatures, and a receiver that knows either takes the message: so a secret is changed.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"
_SHORTEST_BYTES = 16


def read_secrets(raw: str) -> tuple[bytes, ...]:
    """The keys of secrets with commas between, in their order.

    Raises ValueError, with a sentence that holds none of it, where one is no secret.
    """
    return tuple(_key(secret.strip()) for secret in raw.split(",") if secret.strip())


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    if encoded == secret:
        raise ValueError(f"A secret begins with {_PREFIX}.")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"What follows {_PREFIX} must be base64.") from None
    if len(key) < _SHORTEST_BYTES:
        raise ValueError(f"A secret must hold at least {_SHORTEST_BYTES} bytes; 24 to 64 are usual.")
    return key


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a webhook that is sent at `timestamp_s` (unix seconds), a signature a key."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    digests = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
