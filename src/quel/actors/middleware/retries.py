"""Retries that cannot get lost: what could not be sent again becomes a dead letter instead of nothing."""

from typing import Any

import dramatiq
from dramatiq.middleware import Retries
from redis.exceptions import RedisError


class DurableRetries(Retries):
    """Dramatiq swallows a failure to enqueue the retry and then acknowledges the message (#545)."""

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Retries as Dramatiq does; fails the message when Redis will not take the retry."""
        try:
            super().after_process_message(  # type: ignore[no-untyped-call]  # Dramatiq leaves it so
                broker, message, result=result, exception=exception
            )
        except (RedisError, dramatiq.BrokerError):
            message.fail()
