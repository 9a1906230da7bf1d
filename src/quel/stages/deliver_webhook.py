"""deliver_webhook: tells receivers that a job has ended, until they have it; at least once, with one id.

Each try is written down before it is made, so a worker that dies in it costs a wait and no webhook.
"""

import random
from uuid import UUID

from quel.core.deliver_webhook import (
    LONGEST_DELAY_S,
    MOST_AT_ONCE,
    Answer,
    Delivered,
    Delivery,
    DeliveryDecision,
    GiveUp,
    TryAgain,
    decide,
)
from quel.core.pipeline import Step, StepMessage
from quel.core.services import Services
from quel.observe.events import Event, emit


def deliver_webhook(services: Services, job_id: UUID) -> tuple[StepMessage, ...]:
    """Tries the job's webhooks that are due; the messages for what is to be tried again soon."""
    messages: list[StepMessage] = []
    for _ in range(MOST_AT_ONCE):
        delivery = services.deliver_webhook.claim(job_id)
        if delivery is None:
            return tuple(messages)
        decision = _try(services, delivery)
        if isinstance(decision, TryAgain) and decision.delay_s <= LONGEST_DELAY_S:
            messages.append(StepMessage(Step.DELIVER_WEBHOOK, job_id, delay_s=decision.delay_s))
    return (*messages, StepMessage(Step.DELIVER_WEBHOOK, job_id))


def _try(services: Services, delivery: Delivery) -> DeliveryDecision:
    answer = services.webhook_sender.send(delivery)
    decision = decide(answer, tries=delivery.tries, random_fraction=random.random())  # noqa: S311 - jitter
    services.deliver_webhook.finish(delivery, answer, decision)
    _tell(delivery, answer, decision)
    return decision


def _tell(delivery: Delivery, answer: Answer, decision: DeliveryDecision) -> None:
    told = {"webhook": delivery.message_id, "type": delivery.type, "tries": delivery.tries}
    match decision:
        case Delivered():
            emit(Event.WEBHOOK_DELIVERED, **told, status=answer.status)
        case TryAgain(delay_s):
            emit(Event.WEBHOOK_FAILED, **told, reason=answer.reason, next_in_s=round(delay_s, 1))
        case GiveUp():
            emit(Event.WEBHOOK_GIVEN_UP, **told, reason=answer.reason)
