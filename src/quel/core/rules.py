"""The settings as the stages need them."""

from dataclasses import dataclass

from quel.core.fetch_job import IntakePolicy
from quel.core.open_paths import OpenPaths
from quel.core.retry import RetryPolicy


@dataclass(frozen=True)
class Rules:
    """What a stage goes by. Durations are in seconds.

    `max_pictures` is what the provider's model takes, `max_references` how many different ones a job shows.
    """

    intake: IntakePolicy
    retry: RetryPolicy
    model: str
    max_pictures: int
    max_references: int
    max_reference_bytes: int
    fail_on_missing_reference: bool
    stuck_after_s: float
    max_recoveries: int
    adopt_within_s: float
    keep_prompts_d: float
    open_paths: OpenPaths
