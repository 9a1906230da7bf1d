"""Webhooks, looked at and sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from quel.core.deliver_webhook import KEPT_D
from quel.core.errors import InvalidInput, NotFound
from quel.core.operations.webhooks import SentWebhook, WebhookFilter, webhook_range
from quel.core.pipeline import Step, StepMessage
from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices

MOST_AGAIN = 10_000
"""Webhooks that are sent again at once."""


@dataclass(frozen=True)
class SentAgain:
    """How many webhooks are sent again; `unsent` says why that is left to the next sweep, if so."""

    webhooks: int
    unsent: str | None


def webhooks(services: OperatorServices, meant: WebhookFilter, *, most: int) -> list[SentWebhook]:
    """At most so many, the latest first. Raises SettingsError, ServiceUnavailable, DatabaseError."""
    return services.webhook_list.webhooks(meant, most)


def webhook_ids_named(services: OperatorServices, names: Sequence[str]) -> list[UUID]:
    """The ids that are meant, of beginnings the only one that begins so.

    Raises InvalidInput for what is no id and for a beginning of several, NotFound for one of none, and
    SettingsError, ServiceUnavailable.
    """
    return [_named(services, name) for name in names]


def _named(services: OperatorServices, name: str) -> UUID:
    found = services.webhook_list.ids_between(*webhook_range(name), 2)
    if not found:
        raise NotFound(f"There is no webhook {name}; what ended is kept for {KEPT_D} days.")
    if len(found) > 1:
        raise InvalidInput(f"Several webhooks begin with {name}.")
    return found[0]


def send_again(services: OperatorServices, meant: WebhookFilter) -> SentAgain:
    """Has webhooks tried now, as if for the first time, under the ids they had.

    Raises InvalidInput where nothing says which, NotFound where there is none, SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    if not meant.ids and meant.job_id is None and meant.state is None:
        raise InvalidInput("Say which webhooks: their ids, a job, or a state.")
    target = {"ids": len(meant.ids) or None, "state": meant.state}
    with recorded(services, "send webhooks again", [meant.job_id] if meant.job_id else [], target=target):
        jobs = services.webhook_list.send_again(meant, MOST_AGAIN)
        if not jobs:
            raise NotFound(f"There is no such webhook; what ended is kept for {KEPT_D} days.")
    unsent = services.send(StepMessage(Step.DELIVER_WEBHOOK, job_id) for job_id in dict.fromkeys(jobs))
    return SentAgain(len(jobs), unsent)
