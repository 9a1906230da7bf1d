"""What waits and what stands still, at one moment: the answer to "how is it going?" from rows and lists."""

from collections.abc import Mapping
from dataclasses import dataclass

from quel.core.operator_fault import OperatorFault
from quel.core.quota import QuotaUse


@dataclass(frozen=True)
class Backlog:
    """The jobs of a path with one status, or its images in one state; `oldest_s` since the oldest moved."""

    path: str
    state: str
    count: int
    oldest_s: float


@dataclass(frozen=True)
class WebhookBacklog:
    """Webhooks that are not delivered yet; `oldest_s` since the first of them was to be sent."""

    waiting: int
    oldest_s: float


@dataclass(frozen=True)
class JobBacklog:
    """What PostgreSQL says: jobs pending and processing, images not yet ended, webhooks that wait."""

    jobs: tuple[Backlog, ...]
    images: tuple[Backlog, ...]
    webhooks: WebhookBacklog = WebhookBacklog(0, 0.0)


@dataclass(frozen=True)
class QueueBacklog:
    """What Redis says.

    `messages` counts by (queue, waiting | delayed | dead), `raw` the entries of each raw list; the moments
    `ingest_seen_at` (by list) and `swept_at` are unix seconds, absent where nothing was ever seen.
    """

    messages: Mapping[tuple[str, str], int]
    raw: Mapping[str, int]
    ingest_seen_at: Mapping[str, float]
    swept_at: float | None
    rejected: int
    paused_paths: frozenset[str]
    blocked_for_s: float
    provider_fault: OperatorFault | None
    cached_bytes: Mapping[str, int]
    quota: QuotaUse
