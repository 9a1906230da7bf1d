"""The embedded world for demonstrations, tests, benchmarks and chaos: everything quel talks to, on loopback.

`World` starts a real PostgreSQL and a real Redis together with simulators of Supabase Storage and Gemini,
and leaves nothing behind when the process that started it is gone. Production never imports this package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quel.sandbox.servers.client import Servers
    from quel.sandbox.world import World

__all__ = ["Servers", "World"]

_HOMES = {"Servers": "quel.sandbox.servers.client", "World": "quel.sandbox.world"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the child processes import this package too, and must start in milliseconds.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
