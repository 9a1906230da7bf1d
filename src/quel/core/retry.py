"""After a provider call: what to do next, decided from the outcome and the counts alone.

The caller obeys the decision and records the counts it carries; nothing here waits, draws a random number or
reads a clock. Pauses and limits are those of SPEC 5: failing calls are paused from 0.5 s doubling to at most
20 s (longer only where the provider itself says so), an answer without a picture gets three calls in all, a
429 is waiting and spends nothing; so is what an operator has to mend.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from quel.core.operator_fault import OperatorFault
from quel.core.outcome import (
    Broken,
    Made,
    Outcome,
    PictureBytes,
    Postponed,
    QuotaScope,
    Refused,
    Stalled,
    Transient,
    Wait,
)


@dataclass(frozen=True)
class RetryPolicy:
    """How much patience one image gets.

    `max_attempts` bounds the failing calls of any kind (QUEL_GEMINI_MAX_ATTEMPTS), `max_broken` those that
    brought no readable picture. Pauses double from `first_pause_s` and never exceed `longest_pause_s`, unless
    the provider asks for more: up to `longest_asked_s`.
    """

    max_attempts: int = 10
    max_broken: int = 3
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    longest_asked_s: float = 120.0


@dataclass(frozen=True)
class Succeed:
    """The image is made."""

    picture: PictureBytes
    cost_usd: float


@dataclass(frozen=True)
class TryAgain:
    """Call again after `delay_s`; `attempts` and `broken` are the counts to record."""

    delay_s: float
    attempts: int
    broken: int
    code: str
    message: str


@dataclass(frozen=True)
class WaitForQuota:
    """Call again when there is quota: after the provider's own word, or None: as the shared quota says."""

    scope: QuotaScope
    retry_after: timedelta | None


@dataclass(frozen=True)
class WaitForOperator:
    """Call again when `fault` is mended; until then one call now and then asks, for all images."""

    fault: OperatorFault


@dataclass(frozen=True)
class GiveUp:
    """The image fails; `message` is a sentence for the customer, `account` marks an operator's matter."""

    code: str
    message: str
    account: bool = False


Decision = Succeed | TryAgain | WaitForQuota | WaitForOperator | GiveUp


def decide(
    outcome: Outcome, *, attempts: int, broken: int, policy: RetryPolicy, random_fraction: float
) -> Decision:
    """What follows from `outcome`, given the failing calls so far and how many of them were pictureless.

    `random_fraction` in [0, 1) spreads the pauses, so that images that failed together do not come back
    together.
    """
    match outcome:
        case Made(picture, cost_usd):
            return Succeed(picture, cost_usd)
        case Wait(scope, retry_after):
            return WaitForQuota(scope, retry_after)
        case Stalled(fault):
            return WaitForOperator(fault)
        case Refused(code, message, account):
            return GiveUp(code, message, account)
        case Postponed(code, message, delay_s):
            return TryAgain(delay_s, attempts, broken, code, message)
        case Transient() | Broken():
            return _again_or_give_up(outcome, attempts, broken, policy, random_fraction)
        case _:
            assert_never(outcome)


def _again_or_give_up(
    outcome: Transient | Broken, attempts: int, broken: int, policy: RetryPolicy, random_fraction: float
) -> TryAgain | GiveUp:
    attempts += 1
    broken += isinstance(outcome, Broken)
    if attempts >= policy.max_attempts or broken >= policy.max_broken:
        calls = "one call" if attempts == 1 else f"{attempts} calls"
        return GiveUp(outcome.code, f"No picture after {calls} to the provider. {outcome.message}")
    delay_s = max(pause_s(attempts, policy, random_fraction), _asked_s(outcome, policy))
    return TryAgain(delay_s, attempts, broken, outcome.code, outcome.message)


def _asked_s(outcome: Transient | Broken, policy: RetryPolicy) -> float:
    asked = outcome.retry_after if isinstance(outcome, Transient) else None
    return min(asked.total_seconds(), policy.longest_asked_s) if asked else 0.0


def pause_s(attempts: int, policy: RetryPolicy, random_fraction: float) -> float:
    """The pause after the `attempts`-th failing call (from 1), in seconds.

    The k-th pause lies between floor and twice floor, with floor = first_pause_s · 2^(k−1), and at the end
    between half of longest_pause_s and all of it: the longest pauses are spread as well as the first.
    """
    doublings = min(attempts - 1, 30)  # 2^30 half seconds is past any ceiling and far from overflow
    ceiling_s = min(policy.longest_pause_s, policy.first_pause_s * 2.0 ** (doublings + 1))
    return ceiling_s * (0.5 + 0.5 * random_fraction)
