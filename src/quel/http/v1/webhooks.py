"""What receivers were told of jobs that ended, and what they answered; sent again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from quel.core.operations.webhooks import SentWebhook, WebhookFilter, WebhookState
from quel.http.guard import OPERATES, GuardedRoute, needs
from quel.http.services import Services
from quel.http.v1.spans import read_span
from quel.http.v1.wire import Asked, Wire
from quel.operations.webhooks import SentAgain, send_again, webhook_ids_named, webhooks

router = APIRouter(route_class=GuardedRoute, tags=["operators"])

_Span = Annotated[str | None, Query(max_length=10)]


class Webhooks(Wire):
    """Webhooks, the latest first."""

    items: list[SentWebhook]


class WebhooksAsked(Asked):
    """Which are meant: all that everything given holds for; something must be given besides `since`."""

    ids: list[Annotated[str, Field(min_length=6, max_length=64)]] = Field([], max_length=1_000)
    job: UUID | None = None
    state: WebhookState | None = None
    since: str | None = Field(None, max_length=10)


@router.get("/webhooks")
@needs(OPERATES)
def list_of_webhooks(
    services: Services,
    job: UUID | None = None,
    state: WebhookState | None = None,
    since: _Span = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Webhooks:
    """Of which job, to whom, how often tried, the last answer, and when the next try is."""
    return Webhooks(items=webhooks(services, WebhookFilter((), job, state, _within_s(since)), most=limit))


@router.post("/webhooks/send-again", status_code=202)
@needs(OPERATES)
def send_webhooks_again(services: Services, asked: WebhooksAsked) -> SentAgain:
    """Send them again, now, under the ids they had."""
    ids = webhook_ids_named(services, asked.ids)
    return send_again(services, WebhookFilter(ids, asked.job, asked.state, _within_s(asked.since)))


def _within_s(since: str | None) -> float | None:
    return read_span(since).total_seconds() if since else None
