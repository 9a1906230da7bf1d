"""Whether a Redis server is spoken to in TLS although it speaks none, or the other way round.

No waiting mends that, and it looks like a server that is away: one without TLS is silent, one with
TLS hangs up. Nothing secret is sent to find out.
"""

import socket
import ssl
from contextlib import closing
from urllib.parse import urlsplit

_TIMEOUT_S = 2.0
_PLAIN_PORT = 6379
_ANSWERS = (b"+PONG", b"-NOAUTH", b"-DENIED", b"-ERR", b"-LOADING", b"-MASTERDOWN")


def tls_mismatch(url: str) -> str | None:
    """What is wrong, as a predicate; None where the server answers as the URL says, or not at all."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return None
    address = (parts.hostname, parts.port or _PLAIN_PORT)
    try:
        if parts.scheme == "rediss" and _speaks_plainly(address):
            return (
                "asks for TLS, and its Redis server speaks none there: write redis:// for rediss://, set"
                " REDIS_USE_TLS=false, or name the port with TLS."
            )
        if parts.scheme == "redis" and _speaks_tls(address):
            return (
                "asks for no TLS, and its Redis server speaks nothing else: write rediss:// for redis://,"
                " or set REDIS_USE_TLS=true."
            )
    except OSError:  # it is away, or somebody else's: that is told by whoever uses it
        return None
    return None


def _speaks_plainly(address: tuple[str, int]) -> bool:
    with closing(socket.create_connection(address, _TIMEOUT_S)) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(_ANSWERS)


def _speaks_tls(address: tuple[str, int]) -> bool:
    # Only whether it shakes hands: nothing is sent, so nobody need vouch for it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with closing(socket.create_connection(address, _TIMEOUT_S)) as connection:
        connection.settimeout(_TIMEOUT_S)
        with context.wrap_socket(connection):
            return True
