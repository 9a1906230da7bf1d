"""The settings as the steps need them."""

from dataclasses import dataclass

from quel.core.engines import Capability, Maker, Routing
from quel.core.fetch_job import IntakePolicy
from quel.core.open_paths import OpenPaths
from quel.core.retry import RetryPolicy
from quel.core.takes import TakeRules
from quel.core.webhooks.target import WebhookPolicy


@dataclass(frozen=True)
class Rules:
    """What a step goes by. Durations are in seconds.

    `model` is Gemini's; `routing` says what each maker can do; `max_references` is how many different ones a
    job shows.
    """

    intake: IntakePolicy
    retry: RetryPolicy
    model: str
    max_references: int
    max_reference_bytes: int
    fail_on_missing_reference: bool
    stuck_after_s: float
    max_recoveries: int
    adopt_within_s: float
    keep_prompts_d: float
    open_paths: OpenPaths
    takes: TakeRules
    webhooks: WebhookPolicy

    @property
    def routing(self) -> Routing:
        """Which engine makes which path's images."""
        return self.intake.routing

    def capability(self, maker: Maker, model: str = "") -> Capability | None:
        """What a maker can do, with a job's own model of Gemini's; None where it is not configured."""
        return self.routing.capability(maker, model)
