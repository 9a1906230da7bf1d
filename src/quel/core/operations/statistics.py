"""What became of jobs, as figures: split by path, by type, or by the reason of what failed."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Grouping(StrEnum):
    """What statistics are split by."""

    PATH = "path"
    TYPE = "type"
    REASON = "reason"


@dataclass(frozen=True)
class GroupStats:
    """The jobs of one path or type by outcome, their images, and what they brought and cost.

    `credits` were taken, `cost_usd` is what the provider charged for answers with a picture;
    `median_seconds` are those of the newest completed jobs from claim to end, None where there is none.
    """

    key: str
    jobs: int
    pending: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    images_stored: int
    images_failed: int
    images_cancelled: int
    images_under_way: int
    credits: int
    cost_usd: float
    median_seconds: float | None


@dataclass(frozen=True)
class ReasonStats:
    """How many images of how many jobs failed for a reason, by its stable code."""

    reason: str
    images: int
    jobs: int


@dataclass(frozen=True)
class PayerStats:
    """The jobs that an organization, else a member, has to pay for, and what they brought and cost."""

    payer_id: UUID
    is_organization: bool
    jobs: int
    failed_jobs: int
    images_stored: int
    images_failed: int
    credits: int
    cost_usd: float
