"""One death: a job of its own in databases of its own, a worker that dies, workers that go on, an audit."""

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from quel.sandbox import World
from quel.sandbox.http_server import LoopbackServer, Reply, Request
from quel.sandbox.processes import migrate
from quel.sandbox.studio import Studio
from tests.chaos.audit import Findings, audit
from tests.preloaded import Preloaded, Running

Name = TypeVar("Name")

DEATH_TIMEOUT_S = 60.0
HEAL_TIMEOUT_S = 180.0  # messages of the dead come back after 60 s, leases lapse after 30 s
SWEEP_EVERY_S = 2.0
STUCK_AFTER_S = 2


class Case:
    """The world of one death. `credits` is what its customer begins with."""

    def __init__(self, world: World, preloaded: Preloaded, directory: Path, *, credits: int) -> None:
        self.world = world
        self._stack = ExitStack()
        self.database_url = world.servers.fresh_database(template=world.database_url)
        redis_url, broker_url = self._stack.enter_context(world.servers.redis_pair())
        self.environment = world.environment() | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis_url,
            "QUEL_BROKER_REDIS_URL": broker_url,
            "QUEL_INGEST_QUEUES": "jobs:queue",
            "QUEL_STUCK_AFTER_S": str(STUCK_AFTER_S),
            "GEMINI_MODEL": "gemini-2.5-flash-image",  # takes three pictures: what exceeds them shares one
            "QUEL_MAX_RECOVERIES": "50",  # the sweep runs every two seconds here: its patience is as long
        }
        self.studio = Studio(self.database_url, redis_url, world.storage)
        self.broker_redis = redis.Redis.from_url(broker_url)
        self.marker = uuid4().hex
        self.member = self.studio.member(credits)
        self.starting_credits = {self.member: credits}
        self.jobs: list[UUID] = []
        self.before: tuple[int, ...] = ()
        self.told: list[Request] = []
        self._receiver: LoopbackServer | None = None
        self._preloaded = preloaded
        self._log = directory / f"{self.marker}.log"
        self._broker = RedisBroker(client=self.broker_redis, middleware=[])

    def tell_receiver(self) -> None:
        """From now on a receiver is told of each job that ends."""
        self._receiver = LoopbackServer(self)
        self._receiver.start()
        self.environment |= {
            "QUEL_WEBHOOK_URL": self._receiver.url,
            "QUEL_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "QUEL_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }

    def order(self, *, pushed: bool = True, references: bool = True, **columns: Any) -> UUID:
        """A job for two images with a garment more than the model takes, and its id on the list."""
        garments = [
            self.studio.photograph(f"{name}.png") for name in ("brick", "grass", "coffee", "astronaut")
        ]
        input_data = {
            "basePrompt": self.marker,
            "userId": str(self.member),
            "individualImageAttachIds": [
                {"attachId": attach_id if references else 10**9, "type": "top"} for attach_id in garments
            ],
            "combinations": [{"angle": "front", "shot": "full", "quantity": 2}],
        }
        job_id = self.studio.job("single_batch", input_data, total_images=2, member=self.member, **columns)
        self.jobs.append(job_id)
        if pushed:
            self.studio.push(job_id)
        return job_id

    def answer(self, request: Request) -> Reply:
        """What the receiver does: it takes every webhook."""
        self.told.append(request)
        return Reply(204)

    def workers(
        self, *queues: str, module: str = "quel.actors", threads: int = 4, **environment: str
    ) -> Running:
        """Real workers of this case."""
        arguments = [module, "-p", "1", "-t", str(threads), *(["-Q", *queues] if queues else [])]
        return self._preloaded.start(self.environment | environment, self._log, ["dramatiq", *arguments])

    def run_until(self, done: Callable[[], bool], *queues: str) -> None:
        """Ordinary workers of some groups, until `done`; then they die."""
        with self.workers(*queues):
            self.wait_until(done, DEATH_TIMEOUT_S)

    def all_images_are(self, state: str) -> bool:
        rows = self.studio.rows("SELECT state FROM quel.image")
        return bool(rows) and all(row["state"] == state for row in rows)

    def die_at(self, moment: str) -> None:
        """A worker that ends itself at `moment`, under sweeps.

        It does one thing at a time, so that a death costs at most the call it is about.
        """
        environment = {"QUEL_SANDBOX_DIE_AT": moment}
        with self.workers(module="quel.sandbox.crash_points", threads=1, **environment) as mortal:
            until = time.monotonic() + DEATH_TIMEOUT_S
            while (code := mortal.wait(SWEEP_EVERY_S)) is None:
                assert time.monotonic() < until, f"Nobody died at {moment}:\n{self.log()[-3000:]}"
                self.sweep()
            assert code == -signal.SIGKILL, f"It ended with {code}:\n{self.log()[-3000:]}"

    def heal(self) -> None:
        """Ordinary workers and the sweep go on until every job and production has ended."""
        with self.workers():
            self.wait_until(lambda: not self.is_open(), HEAL_TIMEOUT_S)
            self.wait_until(self._is_tidy, 15)
            self.wait_until(self._all_are_told, 15)

    def wait_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Sweeps until `done` or the time is over; what is wrong then is for the audit to say."""
        until = time.monotonic() + timeout_s
        sweep_at = time.monotonic() + 1
        while not done() and time.monotonic() < until:
            if time.monotonic() > sweep_at:
                sweep_at = time.monotonic() + SWEEP_EVERY_S
                self.sweep()
            time.sleep(0.3)

    def is_open(self) -> bool:
        """Whether a job or a production has not ended."""
        open_rows = self.studio.rows(
            "SELECT 1 FROM quel_production_jobs WHERE completed_at IS NULL"
            " UNION ALL SELECT 1 FROM quel_production_photo"
            " WHERE production_status IN ('pending', 'processing')"
        )
        return bool(open_rows)

    def sweep(self) -> None:
        """What the scheduler does every minute."""
        name = "sweep_stuck_jobs"
        if not int(self.broker_redis.llen(f"dramatiq:{name}")):
            self._broker.enqueue(dramatiq.Message(name, name, (), {}, {}))

    def lose_broker(self) -> None:
        """Every message of the pipeline is gone."""
        self.broker_redis.flushdb()

    def audit(self) -> Findings:
        return audit(
            self.studio,
            starting_credits=self.starting_credits,
            customers=[str(self.member)],
            before=self.before,
        )

    def provider_calls(self) -> int:
        return len(self.world.gemini.calls(containing=self.marker))

    def job_rows(self) -> list[Mapping[str, Any]]:
        return [self.studio.job_row(job_id) for job_id in self.jobs]

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """Gives the databases back."""
        if self._receiver is not None:
            self._receiver.close()
        self.studio.redis.flushdb()
        self.broker_redis.flushdb()
        self.studio.redis.close()
        self.broker_redis.close()
        self._broker.close()
        self._stack.close()
        self.world.servers.drop_database(self.database_url)

    def _all_are_told(self) -> bool:
        return not self.studio.rows("SELECT 1 FROM quel.webhook WHERE state = 'waiting'")

    def _is_tidy(self) -> bool:
        findings = self.audit()
        on_lists = self.studio.redis.keys("quel:ingest:moving:*") + self.studio.redis.keys("jobs:queue")
        return not findings.sentences() and not findings.stray_objects and not on_lists


@contextmanager
def cases_of(names: Iterable[Name], directory: Path, *, credits: int) -> Iterator[dict[Name, Case]]:
    """A case for each name, side by side in one world."""
    with World(ready_made=True) as world, Preloaded() as preloaded, ExitStack() as stack:
        migrate(world.environment())
        yield {
            name: stack.enter_context(closing(Case(world, preloaded, directory, credits=credits)))
            for name in names
        }
