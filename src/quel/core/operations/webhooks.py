"""Webhooks as operators look at them: to whom, how often tried, and what was answered last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from quel.core.errors import InvalidInput
from quel.core.operations.job_list import SHORTEST_ID, id_range
from quel.core.webhooks.target import host_of


class WebhookState(StrEnum):
    """Where a webhook stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class SentWebhook:
    """A webhook with what came of its last try; `host` is None for that of QUEL_WEBHOOK_URL.

    `next_at` is when it is due, where it is waiting.
    """

    id: str
    job_id: UUID
    type: str
    host: str | None
    state: WebhookState
    tries: int
    last_status: int | None
    last_code: str | None
    created_at: datetime
    tried_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None

    @property
    def last_answer(self) -> str | None:
        """The last try's HTTP status, else why there was none; None before the first."""
        return str(self.last_status) if self.last_status is not None else self.last_code


@dataclass(frozen=True)
class WebhookFilter:
    """Which webhooks are meant: those that all of what is given holds for.

    `ids` empty stands for any; `within_s` counts from when a webhook was written.
    """

    ids: Sequence[UUID] = ()
    job_id: UUID | None = None
    state: WebhookState | None = None
    within_s: float | None = None


def webhook_range(name: str) -> tuple[UUID, UUID]:
    """The first and the last id that begins so; both are one for a whole id. Raises InvalidInput."""
    span = id_range(name.strip().removeprefix("msg_"))
    if span is None:
        raise InvalidInput(
            f'"{name}" is no id of a webhook: give it whole, or at least its first {SHORTEST_ID} characters.'
        )
    return span


def host_shown(url: str | None) -> str | None:
    """What is shown of where a webhook goes."""
    return None if url is None else host_of(url)
