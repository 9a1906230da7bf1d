"""Runs the peer's workers beside a bed: as many processes and threads as quel's own."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from uuid import UUID

from bench.bed import PROCESSES, THREADS, Bed
from quel.core.pipeline import Step
from quel.sandbox.processes import QuelProcess

_DATABASE = 9  # of Redis: neither quel's own nor its broker's


class Peer:
    """Celery on the bed's own PostgreSQL, Redis and providers."""

    def __init__(self, bed: Bed) -> None:
        if find_spec("celery") is None:
            raise RuntimeError("Celery is not installed. Run: make bench")
        self._bed = bed
        self._broker = bed.world.servers.redis_url_of(_DATABASE)
        self._environment = bed.environment | {"QUEL_BENCH_CELERY_BROKER": self._broker}

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Celery's leanest worker: no gossip, no mingle, no heartbeat."""
        queues = ",".join(step.value for step in Step if step is not Step.SWEEP_STUCK_JOBS)
        lean = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        with ExitStack() as stack:
            running = []
            for number in range(PROCESSES):
                log = self._bed.directory / f"celery-{number}.log"
                log.unlink(missing_ok=True)
                name = f"bench{number}@localhost"
                pool = ("-P", "threads", "-c", str(THREADS))
                command = ("celery", "-A", "bench.celery_worker", "worker", "-n", name, "-Q", queues)
                process = QuelProcess([*command, *pool, *lean], self._environment, log)
                running.append(stack.enter_context(process))
            for process in running:
                process.await_ready()
            yield
            for process in running:
                process.terminate()

    def finish(self, jobs: Sequence[UUID]) -> float:
        """Sends the jobs to the first stage and waits until all have ended; the seconds."""
        from celery import Celery

        app = Celery("bench", broker=self._broker)

        def push() -> None:
            for job in jobs:
                app.send_task("step", (Step.FETCH_JOB.value, str(job)), queue=Step.FETCH_JOB.value)

        return self._bed.finish(jobs, push=push)
