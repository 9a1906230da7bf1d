"""Which addresses a webhook may be sent to: public ones, and those of networks an operator has named.

A receiver's name is chosen by others, who could point it at what only quel's own machines reach. So whatever
is not plainly public is refused. The lists are IANA's registries of special-purpose addresses.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def _networks(*written: str) -> tuple[Network, ...]:
    return tuple(ip_network(each) for each in written)


_NEVER = _networks(
    "0.0.0.0/8",  # this host
    "169.254.0.0/16",  # link-local: the metadata service of most clouds
    "100.100.100.200/32",  # Alibaba's
    "168.63.129.16/32",  # Azure's, though the address is a public one
    "192.0.0.192/32",  # Oracle's
    "224.0.0.0/4",  # multicast
    "255.255.255.255/32",
    "::/128",
    "::ffff:0:0/96",  # an IPv4 address in disguise
    "64:ff9b::/96",  # NAT64: the same
    "64:ff9b:1::/48",
    "fd00:ec2::/32",  # metadata of AWS
    "fd20:ce::/32",  # and of Google
    "fe80::/10",
    "ff00::/8",
)
"""Refused also in a network that was named."""

_NOT_PUBLIC = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",  # CGNAT
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "2001::/23",  # Teredo and others
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # of IPv6 nothing else is public


def read_networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation. Raises ValueError for what is none, or has bits set behind its mask."""
    return tuple(ip_network(each) for each in written)


def may_receive(address: str, named: Iterable[Network] = ()) -> bool:
    """Whether a webhook may go to an IP address: a public one, or one of the networks `named`."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if getattr(found, "scope_id", None) or _in(found, _NEVER):
        return False
    if _in(found, named):
        return True
    return not _in(found, _NOT_PUBLIC) and (found.version == 4 or found in _GLOBAL_UNICAST)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, written as an address or as localhost."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
