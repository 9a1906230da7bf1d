"""The neighbours of operators' work, each imported, wired and connected to when it is first used.

So a verb waits for the libraries that it needs and no other: `quel jobs` loads nothing of Redis', and
`quel --help` nothing at all. Redis is given up on within seconds, since somebody sits in front of it, and
asked first whether it has the database that the settings name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from quel.core.errors import ServiceUnavailable
from quel.core.operations.action_log import Actor, Channel
from quel.core.pipeline import StepMessage

if TYPE_CHECKING:
    import dramatiq
    from redis import Redis

    from quel.adapters.comfy.places import ComfyServers
    from quel.adapters.postgres.database import Database
    from quel.adapters.postgres.operations.action_log import ActionLogRows
    from quel.adapters.postgres.operations.audit import AuditRows
    from quel.adapters.postgres.operations.audit_runs import AuditRunRows
    from quel.adapters.postgres.operations.backfill_paths import BackfillPathsRows
    from quel.adapters.postgres.operations.backlog import JobBacklogReader
    from quel.adapters.postgres.operations.bulk import BulkRows
    from quel.adapters.postgres.operations.job_list import JobListRows
    from quel.adapters.postgres.operations.job_page import JobPageRows
    from quel.adapters.postgres.operations.job_progress import JobProgressRows
    from quel.adapters.postgres.operations.job_row import JobRows
    from quel.adapters.postgres.operations.ledger import LedgerRows
    from quel.adapters.postgres.operations.lost_jobs import LostJobsRows
    from quel.adapters.postgres.operations.retry_job import RetryJobRows
    from quel.adapters.postgres.operations.statistics import StatisticsRows
    from quel.adapters.postgres.operations.submit_job import SubmitJobRows
    from quel.adapters.postgres.operations.submit_modify import SubmitModifyRows
    from quel.adapters.postgres.operations.tally import TallyRows
    from quel.adapters.postgres.operations.webhooks import WebhookListRows
    from quel.adapters.redis.cancellations import Cancellations
    from quel.adapters.redis.dead_letters import DeadLetters
    from quel.adapters.redis.pause import Pause
    from quel.adapters.redis.queue_backlog import QueueBacklogReader
    from quel.adapters.redis.rate_limit import RateLimit
    from quel.adapters.redis.rejected import RejectedEntries
    from quel.core.ports import outside, rows, shared
    from quel.core.quota import QuotaUse
    from quel.core.rules import Rules
    from quel.routing import EngineSettings
    from quel.services import Services
    from quel.settings import Settings


NOBODY = Actor("unknown", Channel.CLI)


@dataclass(frozen=True)
class ReadPool:
    """Connections for looking alone, beside those that write: how many, and how long a statement may take."""

    connections: int
    statement_timeout_s: int


class OperatorServices:
    """What an operation is given.

    `threads` is the number of threads that will use it at once; it sizes the pools. `actor` is who acts, for
    the operator log. With a `read_pool` what only looks has connections of its own; without one it shares.
    Its maker closes it.
    """

    __slots__ = ("__dict__", "actor")  # all but the actor is shared with those that act for others

    def __init__(
        self,
        settings: "Settings",
        *,
        threads: int = 1,
        actor: Actor = NOBODY,
        read_pool: ReadPool | None = None,
    ) -> None:
        self.settings = settings
        self.actor = actor
        self._threads = threads
        self._read_pool = read_pool
        self._closers: list[Callable[[], object]] = []

    def acting_as(self, actor: Actor) -> "OperatorServices":
        """The same neighbours in somebody else's name, also those connected to later; closed with these."""
        other = object.__new__(type(self))
        other.__dict__ = self.__dict__
        other.actor = actor
        return other

    def close(self) -> None:
        """Closes what was connected to."""
        while self._closers:
            self._closers.pop()()

    @cached_property
    def _of_steps(self) -> "Services":
        """The steps' own neighbours: Storage and quota are wired there."""
        from quel.services import Services

        services = Services(self.settings, threads=self._threads, patient=False)
        self._closers.append(services.close)
        return services

    @cached_property
    def storage(self) -> "outside.ObjectStorage":
        """The bucket. Raises SettingsError."""
        return self._of_steps.storage

    @cached_property
    def imaging(self) -> "outside.Imaging":
        """The picture codec."""
        return self._of_steps.imaging

    @cached_property
    def take_checker(self) -> "outside.TakeChecker":
        """What looks at generated pictures."""
        return self._of_steps.take_checker

    @cached_property
    def quota(self) -> "shared.Quota":
        """The provider's quota."""
        return self._of_steps.quota

    @cached_property
    def engine_settings(self) -> "EngineSettings":
        """Routes, workflows and servers. Raises SettingsError."""
        return self._of_steps.engine_settings

    @cached_property
    def comfy_servers(self) -> "ComfyServers":
        """The ComfyUI servers. Raises SettingsError."""
        return self._of_steps.comfy_servers

    @cached_property
    def rules(self) -> "Rules":
        """The settings as the steps need them. Raises SettingsError where one names a path that is none."""
        from quel.rules import make_rules

        return make_rules(self.settings)

    @cached_property
    def database(self) -> "Database":
        """PostgreSQL. Raises SettingsError naming DATABASE_URL where it is not set."""
        from quel.adapters.postgres.database import Database

        self.settings.require("DATABASE_URL")
        overflow = 2 if self._read_pool is None else 0
        database = Database(self.settings.database_url, pool_size=self._threads, overflow=overflow)
        self._closers.append(database.close)
        return database

    @cached_property
    def read_database(self) -> "Database":
        """PostgreSQL for what only looks. Raises as `database`."""
        from quel.adapters.postgres.database import Database

        pool = self._read_pool
        if pool is None:
            return self.database
        self.settings.require("DATABASE_URL")
        database = Database(
            self.settings.database_url,
            pool_size=pool.connections,
            overflow=0,
            statement_timeout_s=pool.statement_timeout_s,
            read_only=True,
        )
        self._closers.append(database.close)
        return database

    @cached_property
    def fetch_job(self) -> "rows.FetchJobRows":
        """A job's facts."""
        from quel.adapters.postgres.fetch_job import FetchJobRows

        return FetchJobRows(self.database)

    @cached_property
    def job_list(self) -> "JobListRows":
        """Jobs as people look at them."""
        from quel.adapters.postgres.operations.job_list import JobListRows

        return JobListRows(self.read_database, self.settings.default_path, fall_back=self._unknown_is_default)

    @cached_property
    def bulk(self) -> "BulkRows":
        """Acts on many jobs."""
        from quel.adapters.postgres.operations.bulk import BulkRows

        return BulkRows(self.database, self.settings.default_path, fall_back=self._unknown_is_default)

    @cached_property
    def job_page(self) -> "JobPageRows":
        """Single jobs with all that hangs on them."""
        from quel.adapters.postgres.operations.job_page import JobPageRows

        return JobPageRows(self.read_database, self.settings.default_path, fall_back=self._unknown_is_default)

    @cached_property
    def job_row(self) -> "JobRows":
        """Single rows as they stand."""
        from quel.adapters.postgres.operations.job_row import JobRows

        return JobRows(self.read_database)

    @cached_property
    def job_progress(self) -> "JobProgressRows":
        """How far jobs are."""
        from quel.adapters.postgres.operations.job_progress import JobProgressRows

        fall_back = self._unknown_is_default
        return JobProgressRows(self.read_database, self.settings.default_path, fall_back=fall_back)

    @cached_property
    def ledger(self) -> "LedgerRows":
        """What was booked."""
        from quel.adapters.postgres.operations.ledger import LedgerRows

        return LedgerRows(self.read_database)

    @cached_property
    def action_log(self) -> "ActionLogRows":
        """Who did what."""
        from quel.adapters.postgres.operations.action_log import ActionLogRows

        return ActionLogRows(self.database)

    @cached_property
    def statistics(self) -> "StatisticsRows":
        """What became of jobs."""
        from quel.adapters.postgres.operations.statistics import StatisticsRows

        return StatisticsRows(
            self.read_database, self.settings.default_path, fall_back=self._unknown_is_default
        )

    @cached_property
    def tally(self) -> "TallyRows":
        """The hourly sums behind statistics."""
        from quel.adapters.postgres.operations.tally import TallyRows

        return TallyRows(self.database, self.settings.default_path, fall_back=self._unknown_is_default)

    @property
    def _unknown_is_default(self) -> bool:
        return self.settings.unknown_path == "use_default"

    @cached_property
    def lost_jobs(self) -> "LostJobsRows":
        """The open jobs that the sweep leaves alone."""
        from quel.adapters.postgres.operations.lost_jobs import LostJobsRows

        settings = self.settings
        return LostJobsRows(
            self.database, stuck_after_s=settings.stuck_after_s, adopt_within_s=settings.adopt_within_s
        )

    @cached_property
    def retry_job(self) -> "RetryJobRows":
        """Ended jobs that are taken up again."""
        from quel.adapters.postgres.operations.retry_job import RetryJobRows

        return RetryJobRows(self.database)

    @cached_property
    def submit_job(self) -> "SubmitJobRows":
        """New jobs."""
        from quel.adapters.postgres.operations.submit_job import SubmitJobRows

        return SubmitJobRows(self.database)

    @cached_property
    def webhook_list(self) -> "WebhookListRows":
        """What receivers were told."""
        from quel.adapters.postgres.operations.webhooks import WebhookListRows

        return WebhookListRows(self.database)

    @cached_property
    def submit_modify(self) -> "SubmitModifyRows":
        """New in-paintings."""
        from quel.adapters.postgres.operations.submit_modify import SubmitModifyRows

        return SubmitModifyRows(self.database)

    @cached_property
    def audit_runs(self) -> "AuditRunRows":
        """Audits that workers make."""
        from quel.adapters.postgres.operations.audit_runs import AuditRunRows

        return AuditRunRows(self.database)

    @cached_property
    def audit(self) -> "AuditRows":
        """Everything that must agree."""
        from quel.adapters.postgres.operations.audit import AuditRows

        return AuditRows(self.database)

    @cached_property
    def backfill_paths(self) -> "BackfillPathsRows":
        """Rows without a path."""
        from quel.adapters.postgres.operations.backfill_paths import BackfillPathsRows

        return BackfillPathsRows(self.database, self.settings.default_path)

    @cached_property
    def redis(self) -> "Redis":
        """Raw lists, cancel keys and pauses. Raises SettingsError where Redis lacks their database."""
        return self._connect("REDIS_URL")

    @cached_property
    def broker_redis(self) -> "Redis":
        """The broker's messages. Raises SettingsError where Redis lacks their database."""
        return self._connect("QUEL_BROKER_REDIS_URL")

    def _connect(self, variable: str) -> "Redis":
        from quel.adapters.redis.client import connect
        from quel.adapters.redis.databases import check_databases

        url = self.settings.redis_urls[variable]
        check_databases({variable: url})
        client = connect(url, patient=False)
        self._closers.append(client.close)
        return client

    @cached_property
    def queue_backlog(self) -> "QueueBacklogReader":
        """What waits in Redis."""
        from quel.adapters.redis.queue_backlog import QueueBacklogReader

        lists = self.settings.ingest_queues
        return QueueBacklogReader(self.broker_redis, self.redis, lists, self.pause.notes)

    @cached_property
    def job_backlog(self) -> "JobBacklogReader":
        """What is open in the rows."""
        from quel.adapters.postgres.operations.backlog import JobBacklogReader

        settings = self.settings
        return JobBacklogReader(
            self.read_database,
            settings.default_path,
            adopt_within_s=settings.adopt_within_s,
        )

    @cached_property
    def cancellations(self) -> "Cancellations":
        """The front end's cancel keys, to set and to clear."""
        from quel.adapters.redis.cancellations import Cancellations

        return Cancellations(self.redis)

    @cached_property
    def pause(self) -> "Pause":
        """The operator's brake; without DATABASE_URL a worker writes down what it is set to."""
        from quel.adapters.postgres.pause import PausedRows
        from quel.adapters.redis.pause import Pause

        return Pause(self.redis, PausedRows(self.database) if self.settings.database_url else None)

    @cached_property
    def rejected(self) -> "RejectedEntries":
        """What was no job, to look at, to push again and to drop."""
        from quel.adapters.redis.rejected import RejectedEntries

        return RejectedEntries(self.redis)

    @cached_property
    def rate_limit(self) -> "RateLimit":
        """How often each token may ask; a Redis that is away is given up on at once."""
        from quel.adapters.redis.client import connect
        from quel.adapters.redis.rate_limit import RateLimit

        client = connect(
            self.settings.redis, socket_timeout_s=0.5, connect_timeout_s=0.5, patient=False, retries=1
        )
        self._closers.append(client.close)
        return RateLimit(client, per_minute=self.settings.api_rate)

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        """Messages that failed for good."""
        from quel.adapters.redis.dead_letters import DeadLetters

        return DeadLetters(self.broker_redis)

    def check_redis(self) -> None:
        """Asked before rows are written. Raises SettingsError where Redis lacks a database."""
        from quel.adapters.redis.databases import check_databases

        check_databases(self.settings.redis_urls)

    def ping_redis(self) -> None:
        """Raises ServiceUnavailable where the Redis of the raw lists does not answer now."""
        from quel.adapters.redis.client import redis_errors

        with redis_errors():
            self.redis.ping()

    def ping_broker(self) -> None:
        """Raises ServiceUnavailable where the broker's Redis does not answer now."""
        from quel.adapters.redis.client import redis_errors

        with redis_errors():
            self.broker_redis.ping()

    def quota_use(self) -> "QuotaUse":
        """How much of the provider's quota is used. Raises ServiceUnavailable."""
        from quel.adapters.redis.quota import quota_use

        return quota_use(self.redis)

    def programs_seen_s(self) -> list[float]:
        """How many seconds ago each program spoke to the broker. Raises ServiceUnavailable."""
        from quel.adapters.redis.heartbeats import seen_on_broker

        return seen_on_broker(self.broker_redis)

    def push(self, job_id: UUID) -> int:
        """Puts a job on the first raw list, as the front end does; its length. Raises ServiceUnavailable."""
        from quel.adapters.redis.ingest import push

        return push(self.redis, self.settings.ingest_queues[0], job_id)

    def send(self, messages: Iterable[StepMessage]) -> str | None:
        """Makes workers look at jobs whose rows are written; or says why it is left to the next sweep."""
        from quel.adapters.redis.messages import send

        try:
            send(self._broker, messages)
        except ServiceUnavailable as error:
            return f"{error} The rows are written: the next sweep takes the job up."
        return None

    @cached_property
    def _broker(self) -> "dramatiq.Broker":
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(client=self.broker_redis)  # type: ignore[no-untyped-call]
