"""When a webhook is tried, and what its receiver's answer means.

Waits are those that Standard Webhooks proposes: receivers that are away for a day still hear of everything.
"""

from dataclasses import dataclass
from uuid import UUID

WAITS_S = (5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0, 86_400.0)
"""Between the first try, which comes at once, and the last."""

SPREAD = 0.2
"""By what share a wait is shorter or longer, so that a receiver that was away is not met by all at once."""

ANSWER_WITHIN_S = 10.0
"""A receiver that has not answered by then is tried again."""

LEASE_S = 120.0
"""For how long a try has a delivery to itself: longer than it can take, the resolution of names included."""

LONGEST_DELAY_S = 150.0
"""Waits up to here are a message's; longer ones the row's alone, from which the sweep takes them up."""

MOST_NUDGED = 1_000
"""Deliveries that one sweep sends for, less those whose messages wait on the queue already."""

MOST_AT_ONCE = 4
"""Deliveries of one job that one message works off."""

KEPT_D = 30
"""Days after its end in which a delivery can be looked at and sent again."""

_GONE = 410


@dataclass(frozen=True)
class Delivery:
    """A webhook that is being tried: `tries` counts this one. `url` None stands for QUEL_WEBHOOK_URL."""

    webhook_id: UUID
    job_id: UUID
    type: str
    url: str | None
    body: str
    tries: int

    @property
    def message_id(self) -> str:
        """By which a receiver knows a message it has had before."""
        return f"msg_{self.webhook_id.hex}"


@dataclass(frozen=True)
class Answer:
    """What came of a try: an HTTP `status`, or the `code` of why there is none."""

    status: int | None = None
    code: str = ""

    @property
    def reason(self) -> str:
        """The code, or the status as a label that has few values."""
        return self.code or f"status_{(self.status or 0) // 100}xx"


@dataclass(frozen=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True)
class TryAgain:
    """Once more after `delay_s`."""

    delay_s: float


@dataclass(frozen=True)
class GiveUp:
    """No more tries, unless an operator asks for them."""


DeliveryDecision = Delivered | TryAgain | GiveUp


def decide(answer: Answer, *, tries: int, random_fraction: float) -> DeliveryDecision:
    """What follows from an answer to try number `tries`; `random_fraction` in [0, 1) spreads waits."""
    if answer.status is not None and 200 <= answer.status < 300:
        return Delivered()
    if answer.status == _GONE or tries > len(WAITS_S):
        return GiveUp()
    return TryAgain(WAITS_S[tries - 1] * (1 - SPREAD + 2 * SPREAD * random_fraction))
