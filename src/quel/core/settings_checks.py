"""What a setting must be that its type does not say; each check raises SettingsError with a sentence."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from quel.core.database_url import client_url
from quel.core.errors import SettingsError
from quel.core.webhooks.address import read_networks
from quel.core.webhooks.signature import read_secrets

_HTTP, _REDIS = r"https?://", r"(rediss?|unix)://"
_BEGINS = {
    "DATABASE_URL": r"postgres(ql)?(\+psycopg2)?://",
    "REDIS_URL": _REDIS,
    "QUEL_BROKER_REDIS_URL": _REDIS,
    "SUPABASE_URL": _HTTP,
    "SUPABASE_STORAGE_BASE_URL": _HTTP,
    "GEMINI_BASE_URL": _HTTP,
}
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def check_urls(urls: Mapping[str, str]) -> None:
    """URLs by their variables; those that are not set are "". No sentence quotes one."""
    for name, value in urls.items():
        if value and not re.match(_BEGINS[name], value):
            raise SettingsError(f"{name} is no URL of the kind it must be (it does not start as one).")
        if name == "DATABASE_URL":
            client_url(value or "postgres://")
        elif not has_readable_address(value):
            raise SettingsError(
                f"{name} holds a host or port that cannot be read. In a password #, /, ?, [, ] and @ must be"
                " percent-encoded."
            )


def has_readable_address(url: str) -> bool:
    """Whether host and port can be told: libraries raise on other URLs and quote them with the password."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def check_lists(ingest: Collection[str], others: Mapping[str, Collection[str]]) -> None:
    """A list that quel takes ids from is nobody else's: what it passed on there would come back for ever.

    `others` are lists of other consumers, by the variables that name them.
    """
    for name, lists in others.items():
        for shared in sorted(set(lists) & set(ingest)):
            raise SettingsError(
                f"{name} and QUEL_INGEST_QUEUES both name the list {shared}: what quel takes ids from"
                " cannot be another consumer's."
            )


def check_webhooks(networks: Collection[str], hosts: Collection[str], secret: str) -> None:
    """The networks in CIDR notation, the names of hosts and the secrets of webhooks."""
    try:
        read_networks(networks)
    except ValueError as error:
        raise SettingsError(f"QUEL_WEBHOOK_NETWORKS names no network in CIDR notation: {error}.") from None
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise SettingsError(f"QUEL_WEBHOOK_HOSTS takes names of hosts, and {host} is none.")
    try:
        read_secrets(secret)
    except ValueError as error:
        raise SettingsError(f"QUEL_WEBHOOK_SECRET cannot be read. {error}") from None
