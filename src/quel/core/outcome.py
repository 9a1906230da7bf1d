"""What one provider call can come to. An engine returns one of these and raises nothing."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from quel.core.aspect import AspectRatio


@dataclass(frozen=True)
class PictureBytes:
    """An encoded picture and its true MIME type."""

    data: bytes
    mime_type: str


@dataclass(frozen=True)
class GenerateRequest:
    """Everything an engine needs to make one image. Pictures are sent in this order, the prompt last."""

    prompt: str
    pictures: tuple[PictureBytes, ...]
    aspect_ratio: AspectRatio
    seed: int


class QuotaScope(StrEnum):
    """Which of the provider's limits a 429 spoke of."""

    MINUTE = "minute"
    DAY = "day"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Made:
    """A picture came back."""

    picture: PictureBytes
    cost_usd: float


@dataclass(frozen=True)
class Refused:
    """The provider will say the same next time: the image fails at once.

    `code` is stable and short (`blocked_safety`, `unknown_model`, `bad_request`, …) for logs and metrics;
    `message` is a sentence for the customer; `account` marks what concerns the operator's account or
    model, not this image (401, 403, 404, PUP_LIMITED_DISABLED).
    """

    code: str
    message: str
    account: bool = False


@dataclass(frozen=True)
class Wait:
    """A 429: nothing failed, it was too early. `retry_after` is the provider's own word, if it gave one."""

    scope: QuotaScope
    retry_after: timedelta | None


@dataclass(frozen=True)
class Transient:
    """A retry may mend it: 5xx, timeouts, broken connections. `overloaded` marks a 503."""

    code: str
    message: str
    overloaded: bool = False


@dataclass(frozen=True)
class Broken:
    """The provider answered, but with no picture that can be read: worth three calls in all."""

    code: str
    message: str


Outcome = Made | Refused | Wait | Transient | Broken
