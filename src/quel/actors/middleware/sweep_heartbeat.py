"""Notes in Redis that a sweep came through, for `quel doctor` and the alerts."""

from typing import Any

import dramatiq

from quel.actors.runtime import runtime
from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.core.pipeline import Step


class SweepHeartbeatMiddleware(dramatiq.Middleware):
    """Beats after each sweep that raised nothing."""

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """One beat a sweep."""
        if message.actor_name == Step.SWEEP_STUCK_JOBS and exception is None:
            SweepHeartbeat(runtime.services.redis).beat()
