"""Sends the messages that make the workers look at a job, without importing a worker."""

from quel.cli.connections import open_broker
from quel.cli.console import err
from quel.core.errors import ServiceUnavailable
from quel.core.pipeline import StepMessage
from quel.settings import settings


def nudge(*messages: StepMessage) -> None:
    """Sends the messages; when Redis does not take them, says that the sweep will find the job."""
    from dramatiq.brokers.redis import RedisBroker

    from quel.adapters.redis.messages import send

    try:
        send(RedisBroker(client=open_broker(settings())), messages)  # type: ignore[no-untyped-call]
    except ServiceUnavailable as error:
        err.print(f"{error} The rows are written: the next sweep takes the job up.", highlight=False)
