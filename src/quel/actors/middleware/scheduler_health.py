"""Gives the scheduler a port for probes, and an end when it is told to end or its Redis will not do.

`periodiq` has no hooks of its own, but it is the one process that sends ticks without being a worker: its
port opens with its first tick, which comes at its start. It lives as long as a tick went out lately.
"""

import signal
import sys
import threading
import time

import dramatiq

from quel.actors.refusal import refuse_to_start
from quel.actors.runtime import runtime
from quel.adapters.redis.client import connect, redis_errors
from quel.adapters.redis.databases import check_databases
from quel.core.errors import SettingsError
from quel.observe import metrics
from quel.observe.health import Check, ready
from quel.observe.http_port import HttpPort
from quel.settings import Settings

_SILENT_AFTER_S = 180.0  # two ticks may be missed
_SOCKET_TIMEOUT_S = 2.0


class SchedulerHealthMiddleware(dramatiq.Middleware):
    """Hears of every tick that this process sends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ticked_at_s: float | None = None

    def before_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message, delay: int | None) -> None:  # type: ignore[type-arg]  # Dramatiq leaves it open what an actor returns
        """Out with a sentence, code 2, where Redis has no database that could take the tick."""
        if self._is_tick(message):
            try:
                check_databases({"QUEL_BROKER_REDIS_URL": self._settings.broker_redis})
            except SettingsError as error:
                refuse_to_start(error)

    def after_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message, delay: int | None) -> None:  # type: ignore[type-arg]  # Dramatiq leaves it open what an actor returns
        """Notes a tick; the first one opens the port."""
        if not self._is_tick(message):
            return
        first = self._ticked_at_s is None
        self._ticked_at_s = time.monotonic()
        metrics.SCHEDULER_TICK.labels(message.actor_name).set_to_current_time()
        if first:
            _end_on_sigterm()
            self._open()

    def _is_tick(self, message: dramatiq.Message) -> bool:  # type: ignore[type-arg]  # as above
        return not runtime.steps and "scheduled_at" in message.options

    def _open(self) -> None:
        if self._settings.http_port is None:
            return
        broker = connect(self._settings.broker_redis, socket_timeout_s=_SOCKET_TIMEOUT_S, patient=False)

        def ping() -> None:
            with redis_errors():
                broker.ping()

        port = HttpPort(live=self._live, ready=lambda: ready({"broker": ping}), metrics=metrics.registry)
        port.open(self._settings.http_port)

    def _live(self) -> list[Check]:
        silent_s = time.monotonic() - (self._ticked_at_s or 0.0)
        problem = "" if silent_s < _SILENT_AFTER_S else f"No tick was sent for {silent_s:.0f} s."
        return [Check("scheduler", ok=not problem, problem=problem)]


def _end_on_sigterm() -> None:
    """As process 1 of a container the scheduler would not hear SIGTERM: the kernel keeps it from it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
