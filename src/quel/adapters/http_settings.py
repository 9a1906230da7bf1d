"""Catches an address or a key that cannot be one before it reaches an HTTP library, which would quote it."""

import httpx

from quel.core.errors import SettingsError


def http_url(raw: str, setting: str) -> str:
    """`raw` trimmed. Raises SettingsError, naming the setting, for what is no http or https address."""
    try:
        url = httpx.URL(raw.strip())
    except httpx.InvalidURL:
        raise SettingsError(f"{setting} is not a URL.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError(f"{setting} must begin with http:// or https:// and name a host.")
    return raw.strip()


def header_secret(raw: str, setting: str) -> str:
    """`raw` trimmed. Raises SettingsError, naming the setting but not its value, for what fits no header."""
    secret = raw.strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise SettingsError(f"{setting} is empty or holds characters that no key has.")
    return secret
