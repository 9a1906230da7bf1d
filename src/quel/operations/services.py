"""The neighbours of operators' work: those of the stages, and the rows and lists that only operators look at.

Redis is given up on within seconds, since somebody sits in front of it, and asked first whether it has the
database that the settings name.
"""

from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from redis import Redis

from quel.adapters.postgres.operations.audit import AuditRows
from quel.adapters.postgres.operations.backfill_paths import BackfillPathsRows
from quel.adapters.postgres.operations.job_list import JobListRows
from quel.adapters.postgres.operations.lost_jobs import LostJobsRows
from quel.adapters.postgres.operations.retry_job import RetryJobRows
from quel.adapters.postgres.operations.statistics import StatisticsRows
from quel.adapters.postgres.operations.submit_job import SubmitJobRows
from quel.adapters.redis.cancellations import Cancellations
from quel.adapters.redis.client import connect, redis_errors
from quel.adapters.redis.databases import check_databases
from quel.adapters.redis.dead_letters import DeadLetters
from quel.adapters.redis.ingest import push
from quel.adapters.redis.messages import send
from quel.adapters.redis.pause import Pause
from quel.adapters.redis.rejected import RejectedEntries
from quel.core.errors import ServiceUnavailable
from quel.core.pipeline import StepMessage
from quel.services import Services
from quel.settings import Settings


class OperatorServices(Services):
    """What an operation is given. Each neighbour is connected to when it is first used.

    `threads` is the number of threads that will use it at once. Whoever makes it closes it.
    """

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        super().__init__(settings, threads=threads, patient=False)

    def check_redis(self) -> None:
        """Asked before rows are written. Raises SettingsError where Redis lacks a database."""
        check_databases(self.settings.redis_urls)

    @cached_property
    def redis(self) -> Redis:
        """Raw lists, cancel keys and pauses. Raises SettingsError where Redis lacks their database."""
        return self._connect("REDIS_URL")

    @cached_property
    def broker_redis(self) -> Redis:
        """The broker's messages. Raises SettingsError where Redis lacks their database."""
        return self._connect("QUEL_BROKER_REDIS_URL")

    def _connect(self, variable: str) -> Redis:
        url = self.settings.redis_urls[variable]
        check_databases({variable: url})
        return connect(url, patient=False)

    def ping_redis(self) -> None:
        """Raises ServiceUnavailable where the Redis of the raw lists does not answer now."""
        with redis_errors():
            self.redis.ping()

    def push(self, job_id: UUID) -> None:
        """Puts a job on the first raw list, as the front end does. Raises ServiceUnavailable."""
        push(self.redis, self.settings.ingest_queues[0], job_id)

    def send(self, messages: Iterable[StepMessage]) -> str | None:
        """Makes workers look at jobs whose rows are written; or says why it is left to the next sweep."""
        try:
            send(self._broker, messages)
        except ServiceUnavailable as error:
            return f"{error} The rows are written: the next sweep takes the job up."
        return None

    @cached_property
    def _broker(self) -> dramatiq.Broker:
        return RedisBroker(client=self.broker_redis)  # type: ignore[no-untyped-call]

    @cached_property
    def cancellations(self) -> Cancellations:
        """The front end's cancel keys, to set and to clear."""
        return Cancellations(self.redis)

    @cached_property
    def pause(self) -> Pause:
        """The operator's brake, to set and to lift."""
        return Pause(self.redis)

    @cached_property
    def rejected(self) -> RejectedEntries:
        """What was no job, to look at, to push again and to drop."""
        return RejectedEntries(self.redis)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """Messages that failed for good."""
        return DeadLetters(self.broker_redis)

    @cached_property
    def job_list(self) -> JobListRows:
        """Jobs as people look at them."""
        return JobListRows(self.database, self.settings.default_path, fall_back=self._unknown_is_default)

    @cached_property
    def statistics(self) -> StatisticsRows:
        """What became of jobs."""
        return StatisticsRows(self.database, self.settings.default_path, fall_back=self._unknown_is_default)

    @property
    def _unknown_is_default(self) -> bool:
        return self.settings.unknown_path == "use_default"

    @cached_property
    def lost_jobs(self) -> LostJobsRows:
        """The open jobs that the sweep leaves alone."""
        settings = self.settings
        return LostJobsRows(
            self.database, stuck_after_s=settings.stuck_after_s, adopt_within_s=settings.adopt_within_s
        )

    @cached_property
    def retry_job(self) -> RetryJobRows:
        """Ended jobs that are taken up again."""
        return RetryJobRows(self.database)

    @cached_property
    def submit_job(self) -> SubmitJobRows:
        """New jobs."""
        return SubmitJobRows(self.database)

    @cached_property
    def audit(self) -> AuditRows:
        """Everything that must agree."""
        return AuditRows(self.database)

    @cached_property
    def backfill_paths(self) -> BackfillPathsRows:
        """Rows without a path."""
        return BackfillPathsRows(self.database, self.settings.default_path)
