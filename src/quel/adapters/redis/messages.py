"""Sends the messages that make a step look at a job, without knowing the actor that will read them.

An actor's queue and name are those of its step, so that neither a producer nor the broker's middleware need
import the workers.
"""

from collections.abc import Iterable

import dramatiq
from redis.exceptions import RedisError

from quel.core.errors import ServiceUnavailable
from quel.core.pipeline import StepMessage


def send(broker: dramatiq.Broker, messages: Iterable[StepMessage]) -> None:
    """Enqueues one message each. Raises ServiceUnavailable when Redis does not take one."""
    try:
        for message in messages:
            broker.enqueue(_enveloped(message), delay=round(message.delay_s * 1000) or None)
    except RedisError as error:
        raise ServiceUnavailable(f"Redis did not take a message ({type(error).__name__}).") from None


def _enveloped(message: StepMessage) -> dramatiq.Message[None]:
    job_id = str(message.job_id)
    ids = (job_id,) if message.image_no is None else (job_id, message.image_no)
    name = message.step.value
    return dramatiq.Message(queue_name=name, actor_name=name, args=ids, kwargs={}, options={})
