"""Ports a server can leave and come back to.

Chosen below the range the kernel takes for outgoing connections (from 32768 on Linux, 49152 elsewhere).
Within that range a client that keeps trying a stopped server's port can be given that very port, connect
to itself, and keep the server from coming back.
"""

import random
import socket

LOWEST_PORT, HIGHEST_PORT = 15_000, 32_000


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    while True:
        port = random.randint(LOWEST_PORT, HIGHEST_PORT)  # noqa: S311 - a port, not a secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
