"""What one provider call can come to. An engine returns one of these and raises nothing."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

from quel.core.aspect import AspectRatio
from quel.core.models import SIZES
from quel.core.operator_fault import OperatorFault


@dataclass(frozen=True)
class PictureBytes:
    """An encoded picture and its true MIME type."""

    data: bytes
    mime_type: str


@dataclass(frozen=True)
class GenerateRequest:
    """Everything an engine needs to make one image. Pictures are sent in this order, the prompt last.

    `roles` are the pictures' categories; `negative_prompt` is empty where the prompt says what to avoid.
    `labels` are said right before the pictures, one each; none where the release before prepared the image.
    `image_size` is one of SIZES; `temperature` None leaves it to the model.
    `model` is Gemini's where the job has its own; `steps` and `cfg` None leave them to the workflow.
    """

    prompt: str
    pictures: tuple[PictureBytes, ...]
    aspect_ratio: AspectRatio
    seed: int
    negative_prompt: str = ""
    roles: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    image_size: str = SIZES[0]
    temperature: float | None = None
    model: str = ""
    steps: int | None = None
    cfg: float | None = None

    @property
    def text(self) -> str:
        """Labels and prompt in one, for an engine that is told everything at once."""
        return "\n\n".join(filter(None, ("\n".join(self.labels), self.prompt)))


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
    """A 429: nothing failed, it was too early. `retry_after` is the provider's own word, if it gave one.

    `said` is what it wrote beside, filtered, for the log.
    """

    scope: QuotaScope
    retry_after: timedelta | None
    said: str = field(default="", compare=False)


@dataclass(frozen=True)
class Stalled:
    """Neither waiting nor another image mends it, but an operator does: the image waits until then."""

    fault: OperatorFault
    said: str = field(default="", compare=False)

    @property
    def code(self) -> str:
        """The fault's fixed name."""
        return self.fault.value


@dataclass(frozen=True)
class Transient:
    """A retry may mend it: 5xx, timeouts, broken connections. `overloaded` marks a 503.

    `retry_after` is the provider's own word, if it gave one.
    """

    code: str
    message: str
    overloaded: bool = False
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Broken:
    """The provider answered, but with no picture that can be read: worth three calls in all."""

    code: str
    message: str


@dataclass(frozen=True)
class Postponed:
    """This image alone waits for so long; nothing failed, and no attempt is spent."""

    code: str
    message: str
    delay_s: float


Outcome = Made | Refused | Wait | Stalled | Transient | Broken | Postponed


class Blame(StrEnum):
    """Who can mend what kept a call from bringing its picture."""

    CUSTOMER = "customer"
    PICTURE = "picture"
    PROVIDER = "provider"
    OPERATOR = "operator"


def blame(outcome: Outcome) -> Blame | None:
    """Whose fault an outcome is; None where the picture came."""
    match outcome:
        case Made():
            return None
        case Stalled() | Refused(account=True):
            return Blame.OPERATOR
        case Refused():
            return Blame.CUSTOMER
        case Broken():
            return Blame.PICTURE
        case Wait() | Transient() | Postponed():
            return Blame.PROVIDER
        case _:
            assert_never(outcome)
