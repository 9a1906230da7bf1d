"""The bytes of a picture that quel goes on with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """`complete` is False for a JPEG that came without its end marker; `data` has one in any case."""

    data: bytes
    complete: bool = True
