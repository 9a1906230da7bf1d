"""How a verb comes to the neighbours: opened for it, and closed when it ends."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from quel.core.operations.action_log import Actor, Channel
from quel.operations.services import OperatorServices


def _user_at_host() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@contextmanager
def open_services() -> Iterator[OperatorServices]:
    """The neighbours of one verb, as this environment's settings name them. Raises SettingsError."""
    from quel.environment import settings  # pydantic: `quel --help` need not wait for it

    read = settings()
    services = OperatorServices(read, actor=Actor(read.actor or _user_at_host(), Channel.CLI))
    try:
        yield services
    finally:
        services.close()
