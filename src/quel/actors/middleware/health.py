"""Serves /livez, /readyz and /metrics in the worker processes, and notes what they need to know.

Every process of the command notes its heartbeat and its threads; the one that gets the port tells of all. In
the group that sweeps it also tells what waits in PostgreSQL and Redis, so that this is told once.
"""

import os
import threading
import time
from collections.abc import Callable

import dramatiq
import redis
from prometheus_client import CollectorRegistry, multiprocess

from quel.actors.consumer_heartbeat import ConsumerHeartbeat
from quel.actors.runtime import runtime
from quel.adapters.postgres.operations.backlog import JobBacklogReader
from quel.adapters.postgres.pause import PausedRows
from quel.adapters.redis.client import connect, redis_errors
from quel.adapters.redis.pause import Pause
from quel.adapters.redis.queue_backlog import QueueBacklogReader
from quel.core.errors import QuelError
from quel.core.pipeline import Step
from quel.observe import metrics
from quel.observe.backlog_collector import BacklogCollector
from quel.observe.health import Check, Consumers, alive, ready
from quel.observe.http_port import HttpPort
from quel.observe.multiprocess import MetricFiles
from quel.settings import Settings

_NOTE_EVERY_S = 5.0
_LOOK_EVERY_S = 10.0
_SOCKET_TIMEOUT_S = 2.0


class HealthMiddleware(dramatiq.Middleware):
    """Opens the port once the worker runs; does nothing where QUEL_HTTP_PORT is not set."""

    def __init__(self, settings: Settings, heartbeat: ConsumerHeartbeat, files: MetricFiles | None) -> None:
        self._settings, self._heartbeat, self._files = settings, heartbeat, files
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._port: HttpPort | None = None

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Starts to take notes, and to tell them where the port is free."""
        if self._settings.http_port is None:
            return
        lists, queues = self._connect(self._settings.redis), self._connect(self._settings.broker_redis)
        notes = _Notes(worker, self._heartbeat, queues)
        self._repeat(notes.take, every_s=_NOTE_EVERY_S)
        rows = JobBacklogReader(
            runtime.services.database,
            self._settings.default_path,
            adopt_within_s=self._settings.adopt_within_s,
        )
        backlog = None
        if Step.SWEEP_STUCK_JOBS in runtime.steps:
            pause = Pause(lists, PausedRows(runtime.services.database))
            reader = QueueBacklogReader(queues, lists, self._settings.ingest_queues, pause.notes)
            settings = self._settings
            limits = {
                "minute": settings.gemini_rpm,
                "day": settings.gemini_rpd,
                "at_once": settings.gemini_concurrency,
            }
            backlog = BacklogCollector(read_rows=rows.read, read_lists=reader.read, limits=limits)
        pings = {
            "postgresql": rows.ping,
            "redis": lambda: _ping(lists),
            "broker": lambda: _ping(queues),
        }
        port = HttpPort(live=_live, ready=lambda: ready(pings), metrics=lambda: _everything(backlog))
        if port.open(self._settings.http_port):
            self._port = port
            if backlog is not None:
                self._repeat(backlog.look, every_s=_LOOK_EVERY_S)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """From here on threads end on purpose, which is no standstill."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2 * _SOCKET_TIMEOUT_S)
        if self._files is not None:
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]  # it has no types

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """The last counts can be scraped until the last thread has ended."""
        if self._port is not None:
            self._port.close()
        if self._files is not None:
            self._files.leave()

    def _connect(self, url: str) -> redis.Redis:
        return connect(url, socket_timeout_s=_SOCKET_TIMEOUT_S, patient=False)

    def _repeat(self, work: Callable[[], None], *, every_s: float) -> None:
        def run() -> None:
            work()
            while not self._stop.wait(every_s):
                work()

        thread = threading.Thread(target=run, name="health", daemon=True)
        thread.start()
        self._threads.append(thread)


class _Notes:
    """What this process writes down every few seconds, for whichever process holds the port."""

    def __init__(self, worker: dramatiq.Worker, heartbeat: ConsumerHeartbeat, queues: redis.Redis) -> None:
        self._worker, self._heartbeat, self._queues = worker, heartbeat, queues
        self._consumers = Consumers()

    def take(self) -> None:
        threads = self._worker.workers
        metrics.WORKER_THREADS.labels("wanted").set(self._worker.worker_threads)
        metrics.WORKER_THREADS.labels("alive").set(sum(thread.is_alive() for thread in threads))
        moved_at_s = self._heartbeat.slowest_at_s(set(self._worker.consumers))
        answers = _answers(self._queues)
        if self._consumers.move(now_s=time.monotonic(), moved_at_s=moved_at_s, redis_answers=answers):
            metrics.HEARTBEAT.set_to_current_time()


def _live() -> list[Check]:
    counted = metrics.registry()
    beats = metrics.samples("quel_process_heartbeat_timestamp_seconds", counted)
    threads = {labels["state"]: value for labels, value in metrics.samples("quel_worker_threads", counted)}
    return alive(
        now_s=time.time(),
        heartbeats_s={labels.get("pid", "this one"): at_s for labels, at_s in beats},
        wanted=threads.get("wanted", 0),
        living=threads.get("alive", 0),
    )


def _everything(backlog: BacklogCollector | None) -> CollectorRegistry:
    counted = metrics.registry()
    if backlog is None:
        return counted
    together = CollectorRegistry()
    together.register(counted)
    together.register(backlog)
    return together


def _answers(client: redis.Redis) -> bool:
    try:
        _ping(client)
    except QuelError:
        return False
    return True


def _ping(client: redis.Redis) -> None:
    with redis_errors():
        client.ping()
