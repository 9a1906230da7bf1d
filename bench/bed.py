"""What every measurement lies on: a world whose provider answers with one ready-made PNG, and workers.

Provider and Storage are processes of their own, the workers are the real commands.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from bench.usage import cpu_s
from quel.sandbox.processes import QuelProcess, migrate, workers
from quel.sandbox.studio import Studio
from quel.sandbox.world import World

PROCESSES, THREADS = 2, 8
"""What `dramatiq quel.actors` starts by itself on two cores."""

CREDITS = 10_000_000
PREPARING = ("fetch_job", "prepare_inputs")
MAKING = ("generate_image", "persist_output", "finalize_job")


class Bed:
    """A world of its own with tables, one rich member, and two photographs every job shows.

    `latency_s` and `rpm` are the provider's; `settings` are environment variables of the workers.
    """

    def __init__(self, *, latency_s: float = 0.0, rpm: int | None = None, **settings: str) -> None:
        self.world = World(latency_s=latency_s, rpm=rpm, ready_made=True)
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.world)
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.environment = self.world.environment() | {"QUEL_STUCK_AFTER_S": "3600"} | self._settings
            migrate(self.environment)
            self.studio = Studio(self.world.database_url, self.world.redis_url, self.world.storage)
            self.member = self.studio.member(CREDITS)
            self._references = [
                {"attachId": self.studio.photograph("astronaut.png"), "type": "model"},
                {"attachId": self.studio.photograph("coffee.png"), "type": "top"},
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def workers(
        self,
        *,
        processes: int = PROCESSES,
        threads: int = THREADS,
        queues: Sequence[str] = (),
        module: str = "quel.actors",
    ) -> Iterator[QuelProcess]:
        """`dramatiq quel.actors`, ready, and ended in order."""
        log = self.directory / f"workers-{time.monotonic_ns()}.log"
        command = workers(
            self.environment, log, queues=queues, processes=processes, threads=threads, module=module
        )
        with command as running:
            yield running.await_ready(processes)
            running.terminate()

    def job(self, images: int, *, member: UUID | None = None, prompt: str = "A quiet street") -> UUID:
        """A pending job of so many images that show both photographs, not pushed yet."""
        order = {
            "basePrompt": prompt,
            "individualImageAttachIds": self._references,
            "combinations": [{"angle": "front", "shot": "full", "quantity": images}],
            "aspect-ratio": "16:9",
        }
        return self.studio.job("single_batch", order, total_images=images, member=member or self.member)

    def jobs(self, images: int, *, each: int) -> list[UUID]:
        """Jobs of `each` images that make `images` together."""
        return [self.job(min(each, images - made)) for made in range(0, images, each)]

    def finish(
        self, jobs: Sequence[UUID], *, push: Callable[[], None] | None = None, timeout_s: float = 300.0
    ) -> float:
        """Pushes the jobs and waits until all have ended; the seconds. Raises RuntimeError for a lost image.

        `push` is another way to push them than the front end's.
        """
        began = time.monotonic()
        push() if push else self.studio.push(*jobs)
        rows = self.studio.wait(jobs, timeout_s=timeout_s)
        took_s = time.monotonic() - began
        for row in rows.values():
            if row["completed_images"] != row["total_images"]:
                raise RuntimeError(f"A job made too few images: {row['error_message']}")
        return took_s

    def prepare(self, jobs: Sequence[UUID], *, timeout_s: float = 300.0) -> None:
        """Lets the first stages alone work until every image waits for the provider."""
        until = time.monotonic() + timeout_s
        with self.workers(queues=PREPARING):
            self.studio.push(*jobs)
            while self.count("planned") or self.pending(jobs):
                if time.monotonic() > until:
                    raise TimeoutError("The jobs were not prepared in time.")
                time.sleep(0.2)

    def pending(self, jobs: Sequence[UUID]) -> int:
        """How many of these jobs nobody has taken on yet."""
        statement = (
            "SELECT count(*) AS n FROM quel_production_jobs WHERE job_id = ANY(%s) AND job_status = 'pending'"
        )
        return int(self.studio.rows(statement, list(jobs))[0]["n"])

    def count(self, state: str) -> int:
        """The images in a state."""
        row = self.studio.rows("SELECT count(*) AS n FROM quel.image WHERE state = %s", state)[0]
        return int(row["n"])

    def await_count(self, state: str, number: int, *, timeout_s: float = 300.0) -> None:
        """Waits until so many images are in a state. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        while (found := self.count(state)) < number:
            if time.monotonic() > until:
                raise TimeoutError(f"Only {found} of {number} images became {state}.")
            time.sleep(0.05)

    def server_cpu_s(self) -> float:
        """CPU that PostgreSQL and Redis have used."""
        return cpu_s(self.world.servers.postgres_pid, self.world.servers.redis_pid)

    def redis_info(self) -> dict[str, Any]:
        """Redis's own figures."""
        info: dict[str, Any] = self.studio.redis.info("all")
        return info
