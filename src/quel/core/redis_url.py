"""Where Redis is, as a URL that redis-py reads: made of its parts (SPEC 1.1), or of another URL.

Pure text: nothing is looked up or connected to.
"""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from quel.core.errors import SettingsError
from quel.core.url_option import named_option

# What redis-py takes from a URL and quel does not decide itself.
_OPTIONS = frozenset(
    {
        "db", "username", "password", "client_name", "protocol", "path", "max_connections",
        "socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout",
        "health_check_interval", "retry_on_error", "lib_name", "lib_version", "encoding", "encoding_errors",
        "socket_read_size", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data",
        "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_check_hostname", "ssl_min_version", "ssl_ciphers",
    }
)  # fmt: skip

_SECONDS = (r"\d+(?:\.\d+)?", "a number of seconds")
_WHOLE = (r"\d+", "a whole number")
_VALUES = {  # of those whose other values end in an error of redis-py's own
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "max_connections": _WHOLE,
    "health_check_interval": _WHOLE,
    "socket_read_size": _WHOLE,
    "protocol": ("[23]", "2 or 3"),
    "ssl_cert_reqs": ("none|optional|required", "none, optional or required"),
    "ssl_min_version": ("77[0-2]", "771 (TLS 1.2) or 772 (TLS 1.3)"),
}


def url_of_parts(host: str, port: int, *, username: str, password: str, tls: bool | None) -> str:
    """Database 0 of a host, or of a socket's path, which has neither port nor TLS.

    `tls` None means: with TLS where there is a password and the host is not loopback (localhost,
    127.0.0.0/8, ::1).
    """
    user = quote(username, safe="")
    login = f"{user}:{quote(password, safe='')}@" if user or password else ""
    if _is_socket(host):
        return f"unix://{login}{quote(host)}?db=0"
    if tls is None:
        tls = bool(password) and not _is_loopback(host)
    name = host.strip("[]")
    name = f"[{name}]" if ":" in name else name
    return f"{'rediss' if tls else 'redis'}://{login}{name}:{port}/0"


def with_database(url: str, number: int) -> str:
    """The same server, login, TLS and options, but another database."""
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "db"]
    path = f"/{number}"
    if parts.scheme == "unix":
        path, options = parts.path, [*options, ("db", str(number))]
    query = urlencode(options, quote_via=quote, safe="/")
    return f"{parts.scheme}://{parts.netloc}{path}{'?' if query else ''}{query}"


def check_options(name: str, url: str) -> None:
    """Raises SettingsError where the variable `name` holds a URL with an option redis-py stumbles over."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    numbers = [options.get("db", "0"), parts.path.strip("/") if parts.scheme != "unix" else "0"]
    for number in filter(None, numbers):
        if not (number.isascii() and number.isdigit()):
            raise SettingsError(f"{name} must name its database by a number, as in redis://host:6379/1.")
    if parts.scheme != "rediss" and any(option.startswith("ssl_") for option in options):
        raise SettingsError(
            f"{name} has options for TLS, and its scheme has none: write rediss:// for redis://."
        )
    for option in sorted(options.keys() - _OPTIONS):
        shown = named_option(option, options[option], parts.query)
        if shown is None:
            raise SettingsError(
                f"{name} cannot be read: #, /, ?, [, ] and @ in a password must be percent-encoded."
            )
        raise SettingsError(
            f"{name} has the option {shown}, which quel's client does not know: take it away."
        )
    for option in sorted(options.keys() & _VALUES.keys()):
        values, told = _VALUES[option]
        if not re.fullmatch(values, options[option], re.ASCII):
            raise SettingsError(f"{name} must give its option {option} as {told}.")


def check_parts(host: str, *, tls: bool | None) -> None:
    """Raises SettingsError where a host holds more than a host, or TLS is asked of a socket."""
    if not _is_host(host):
        raise SettingsError(
            "REDIS_HOST must be a name, an address or the path of a socket, and nothing else:"
            " a port belongs into REDIS_PORT, a whole URL into REDIS_URL."
        )
    if tls and _is_socket(host):
        raise SettingsError("REDIS_USE_TLS asks for TLS, but REDIS_HOST names a socket, which has none.")


def _is_host(host: str) -> bool:
    name = host.strip("[]")
    try:
        ip_address(name)
    except ValueError:
        is_name = name == host and not set(name) & set(":/@?#%") and not any(map(str.isspace, name))
        return is_name or _is_socket(host)
    zone = name.partition("%")[2]  # of an IPv6 address, and of unreserved characters alone (RFC 6874)
    return re.fullmatch(r"[\w.~-]*", zone, re.ASCII) is not None


def _is_socket(host: str) -> bool:
    return host.startswith("/")


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
