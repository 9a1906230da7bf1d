"""The settings as the stages need them."""

from dataclasses import dataclass

from quel.core.fetch_job import IntakePolicy
from quel.core.open_paths import OpenPaths
from quel.core.retry import RetryPolicy
from quel.core.takes import TakeRules


@dataclass(frozen=True)
class Rules:
    """What a stage goes by. Durations are in seconds.

    `max_pictures` is what the provider's model takes.
    """

    intake: IntakePolicy
    retry: RetryPolicy
    model: str
    max_pictures: int
    fail_on_missing_reference: bool
    stuck_after_s: float
    max_recoveries: int
    adopt_within_s: float
    open_paths: OpenPaths
    takes: TakeRules
