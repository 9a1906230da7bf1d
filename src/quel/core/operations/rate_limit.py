"""What a rate limit answers: whether a request may go on, and when the next one may."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """`left` requests may follow at once; after `wait_s` there is another one."""

    granted: bool
    left: int
    wait_s: float
