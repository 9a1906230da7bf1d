"""A worker process: tuned for slow calls, given its neighbours, stopped where a setting will not do."""

import os
from collections.abc import Collection

import dramatiq

from quel.actors.redis_broker import PollingRedisBroker
from quel.actors.refusal import refuse_to_start
from quel.actors.runtime import runtime
from quel.actors.thread_shares import thread_shares
from quel.adapters.redis.databases import check_databases
from quel.adapters.redis.server_state import read_server_state
from quel.core.errors import QuelError, SettingsError
from quel.core.pipeline import Step
from quel.core.redis_room import memory_problem
from quel.observe.events import Event, emit
from quel.routing import names_gemini
from quel.settings import Settings

NEEDS: dict[Step, tuple[str, ...]] = {
    Step.FETCH_JOB: (),
    Step.PREPARE_INPUTS: ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"),
    Step.GENERATE_IMAGE: (),
    Step.PERSIST_OUTPUT: ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"),
    Step.FINALIZE_JOB: (),
    Step.DELIVER_WEBHOOK: (),
    Step.SWEEP_STUCK_JOBS: (),
    Step.RUN_BULK: (),
    Step.RUN_AUDIT: ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"),
}
"""The settings each actor group cannot do without, beside DATABASE_URL and those of the engines it calls."""

_IDLE_POLL_MS = 100  # how soon an idle thread notices that it is to stop


def needed_by_engines(settings: Settings, steps: Collection[Step]) -> frozenset[str]:
    """The key of Gemini, where images are made and a route names it."""
    calls = Step.GENERATE_IMAGE in steps and names_gemini(settings)
    return frozenset({"GEMINI_API_KEY"}) if calls else frozenset()


def served_steps(worker: dramatiq.Worker) -> frozenset[Step]:
    """The steps whose queues this worker consumes. Raises SettingsError for a queue that is none."""
    queues = worker.consumer_whitelist or {step.value for step in Step}
    known = {step.value for step in Step}
    for queue in sorted(queues - known):
        raise SettingsError(f'There is no actor group "{queue}"; the groups are {", ".join(sorted(known))}.')
    return frozenset(Step(queue) for queue in queues)


class WorkerSetup(dramatiq.Middleware):
    """Prepares the process before its consumers exist, and takes it down with its connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Prefetch = a share of threads, short idle polls, neighbours connected; or out with a sentence."""
        worker.queue_prefetch = worker.worker_threads
        worker.worker_timeout = _IDLE_POLL_MS
        try:
            steps = served_steps(worker)
            if isinstance(broker, PollingRedisBroker):
                shares = thread_shares(steps, worker.worker_threads)
                broker.shares = {step.value: share for step, share in shares.items()}
            needed = {"DATABASE_URL"}.union(*(NEEDS[step] for step in steps))
            self._settings.require(*sorted(needed | needed_by_engines(self._settings, steps)))
            check_databases(self._settings.redis_urls)
            runtime.start(self._settings, threads=worker.worker_threads, steps=steps)
        except SettingsError as error:
            refuse_to_start(error)
        self._look_at_memory()
        emit(
            Event.PROCESS_STARTED,
            pid=os.getpid(),
            threads=worker.worker_threads,
            groups=sorted(step.value for step in steps),
            costly_defaults=self._settings.costly_defaults,
        )

    def _look_at_memory(self) -> None:
        """Warns of a Redis that is too small; one that does not answer now is waited for, not judged."""
        budgets = dict.fromkeys(self._settings.redis_urls, 0)
        budgets["REDIS_URL"] = self._settings.blob_budget_bytes
        try:
            states = {name: read_server_state(url) for name, url in self._settings.redis_urls.items()}
        except QuelError:
            return
        if states["REDIS_URL"].run_id == states["QUEL_BROKER_REDIS_URL"].run_id:
            del states["QUEL_BROKER_REDIS_URL"]
        for name, state in states.items():
            problem = memory_problem(state.max_memory_bytes, blob_budget_bytes=budgets[name], variable=name)
            if problem is not None:
                emit(Event.REDIS_MEMORY, reason=problem)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Closes the neighbours' connections."""
        runtime.stop()
        emit(Event.PROCESS_STOPPED, pid=os.getpid())
