"""Carries job ids from the raw lists to fetch_job, a thread a list, in the processes that serve fetch_job."""

import threading
import time
from uuid import UUID

import dramatiq

from quel.actors.fetch_line import FetchLine
from quel.actors.runtime import runtime
from quel.adapters.redis.client import connect
from quel.adapters.redis.ingest import ReliableQueue
from quel.adapters.redis.messages import send
from quel.adapters.redis.rejected import RejectedEntries
from quel.core.errors import QuelError
from quel.core.job_id import read_job_id
from quel.core.pipeline import Step
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.settings import Settings

_LONGEST_BLOCK_S = 1.0  # also bounds how long a shutdown waits for the thread
_RECLAIM_EVERY_S = 30.0
_TROUBLE_PAUSE_S = 1.0
_BETWEEN_FEEDS_S = 0.02  # while jobs wait in line: time for one to be fetched


class IngestMiddleware(dramatiq.Middleware):
    """Starts and stops the threads with the worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """One thread a list."""
        if Step.FETCH_JOB not in runtime.steps:
            return
        for source in self._settings.ingest_queues:
            arguments = (broker, source)
            name = f"ingest-{source}"
            thread = threading.Thread(target=self._run, args=arguments, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """No new job is taken on from here; what is in a thread's hands is handed on first."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5 * _LONGEST_BLOCK_S)

    def _run(self, broker: dramatiq.Broker, source: str) -> None:
        block_s = min(self._settings.ingest_block_s, _LONGEST_BLOCK_S)
        client = connect(self._settings.redis, socket_timeout_s=block_s + 5, patient=False)
        queue, rejected = ReliableQueue(client, source, block_s=block_s), RejectedEntries(client)
        services = runtime.services
        line = FetchLine(
            services.fetch_line,
            send=lambda messages: send(broker, messages),
            backlog=lambda: services.queues.backlog(Step.FETCH_JOB),
        )
        emit(Event.LIST_WATCHED, list=source)
        reclaim_at = 0.0
        while not self._stop.is_set():
            try:
                if time.monotonic() >= reclaim_at:
                    reclaim_at = time.monotonic() + _RECLAIM_EVERY_S
                    _reclaim(queue)
                entry = queue.take(block_s=_BETWEEN_FEEDS_S if line.feed() else block_s)
                if entry is not None:
                    _hand_on(line, queue, rejected, [entry, *queue.take_more()])
            except (QuelError, dramatiq.BrokerError) as error:
                emit(Event.INGEST_TROUBLE, list=source, reason=str(error) or type(error).__name__)
                queue.look_again()
                self._stop.wait(_TROUBLE_PAUSE_S)
        client.close()


def _reclaim(queue: ReliableQueue) -> None:
    reclaimed = queue.reclaim()
    if reclaimed:
        emit(Event.INGEST_RESCUED, list=queue.source, entries=reclaimed)


def _hand_on(line: FetchLine, queue: ReliableQueue, rejected: RejectedEntries, entries: list[bytes]) -> None:
    job_ids: list[UUID] = []
    for entry in entries:
        job_id = read_job_id(entry)
        if job_id is None:
            rejected.keep(entry, source=queue.source, reason="not a job id")
            emit(Event.ENTRY_REJECTED, list=queue.source, reason="not a job id", bytes=len(entry))
        else:
            with log_context(job_id=job_id):
                emit(Event.JOB_RECEIVED, list=queue.source)
            job_ids.append(job_id)
    line.hand_on(job_ids)
    queue.done(*entries)
