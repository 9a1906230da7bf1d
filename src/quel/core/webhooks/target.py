"""Where webhooks go: to the operator's own receiver, and to one that a submitted job names, if it may."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from quel.core.webhooks.address import Network, is_loopback, may_receive

_LONGEST_URL = 2_000  # characters
_LOOPBACK = (str(IPv4Address("127.0.0.1")), str(IPv6Address("::1")))


@dataclass(frozen=True)
class WebhookPolicy:
    """`url` is told of every job, "" for none. A job's callback_url may name one of `hosts`.

    `hosts` are names, or names with a port, in lower case. Addresses in `networks` need not be public.
    """

    url: str = ""
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether any webhook is ever sent."""
        return bool(self.url or self.hosts)

    def url_problem(self, url: str) -> str | None:
        """What is wrong with a receiver's URL, as the rest of a sentence that names it; None for nothing."""
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            return f"must be a URL of at most {_LONGEST_URL} plain characters"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return "is no URL"
        if not host or port == 0:
            return "must name a host"
        if parts.username is not None or parts.password is not None:
            return "must hold no user and no password"
        if parts.scheme == "https" or (parts.scheme == "http" and self._is_own_machine(host)):
            return None
        return "must begin with https://"

    def callback_problem(self, url: object) -> str | None:
        """Why a job's callback_url is not taken, as a sentence; None when it is."""
        if not isinstance(url, str):
            return "callback_url must be text."
        if not self.hosts:
            return "callback_url is not taken here: QUEL_WEBHOOK_HOSTS names no host."
        problem = self.url_problem(url)
        if problem is not None:
            return f"callback_url {problem}."
        if not self.knows_host(url):
            return "callback_url names a host that is none of QUEL_WEBHOOK_HOSTS."
        return None

    def knows_host(self, url: str) -> bool:
        """Whether the host of a URL is one of `hosts`."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return not self.hosts.isdisjoint({host, f"{host}:{port}"})

    def may_connect(self, address: str) -> bool:
        """Whether a receiver may stand at an IP address."""
        return may_receive(address, self.networks)

    def _is_own_machine(self, host: str) -> bool:
        return is_loopback(host) and any(self.may_connect(address) for address in _LOOPBACK)


def host_of(url: str) -> str:
    """The host of a URL, which alone is shown: a path may hold what only its receiver should know."""
    return urlsplit(url).hostname or ""
