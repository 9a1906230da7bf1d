"""Which part of an address's query a message may name: a plain name, never a piece of a password."""

import re

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def named_option(name: str, value: str, query: str) -> str | None:
    """The name as a message may quote it; None where it may be the rest of a password with a raw `?`."""
    return name[:40] if value and "@" not in query and _PLAIN.fullmatch(name) else None
