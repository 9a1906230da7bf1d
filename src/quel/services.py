"""Every neighbour a stage uses (`quel.core.services`), wired to the adapter behind its port.

Each is connected to when it is first used, so that each actor group runs with only its own settings. The
libraries of Storage, provider and codec are imported then as well: most actor groups need none of them.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import redis

from quel.adapters.clock import SystemClock
from quel.adapters.postgres.cancelled_rows import CancelledRows
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.fetch_job import FetchJobRows
from quel.adapters.postgres.finalize_job import FinalizeJobRows
from quel.adapters.postgres.generate_image import GenerateImageRows
from quel.adapters.postgres.pause import PausedRows
from quel.adapters.postgres.persist_output import PersistOutputRows
from quel.adapters.postgres.prepare_inputs import PrepareInputsRows
from quel.adapters.postgres.provider_calls import ProviderCalls
from quel.adapters.postgres.sweep_stuck_jobs import SweepStuckJobsRows
from quel.adapters.redis.blobs import Blobs
from quel.adapters.redis.cancellations import Cancellations
from quel.adapters.redis.client import connect
from quel.adapters.redis.forward_list import ForwardList
from quel.adapters.redis.pause import Pause
from quel.adapters.redis.queues import Queues
from quel.adapters.redis.quota import GeminiQuota
from quel.adapters.redis.rejected import RejectedEntries
from quel.core import ports
from quel.core.errors import SettingsError
from quel.core.fetch_job import IntakePolicy
from quel.core.models import model_for
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.paths import PATHS
from quel.core.prepare_inputs import DOWNLOADS_AT_ONCE
from quel.core.retry import RetryPolicy
from quel.core.rules import Rules
from quel.core.takes import Check, TakeRules
from quel.settings import MissingReference, Settings

if TYPE_CHECKING:
    from quel.adapters.imaging import Workbench


class Services:
    """What a stage is given, wired: the neighbours behind their ports, and the rules the settings make.

    `threads` is the number of threads that will use it at once; it sizes the pools. Not `patient`, Redis
    is given up on within seconds: somebody sits in front of it.
    """

    def __init__(self, settings: Settings, *, threads: int = 1, patient: bool = True) -> None:
        self.settings = settings
        self._threads = threads
        self._patient = patient
        self._admission: ports.AdmissionController | None = None
        self._lease_renewal: ports.LeaseRenewal | None = None
        self._closers: list[Callable[[], object]] = []

    @cached_property
    def rules(self) -> Rules:
        """The settings as the stages need them. Raises SettingsError (see `make_rules`)."""
        return make_rules(self.settings)

    @property
    def admission(self) -> ports.AdmissionController:
        """The admission controller; only workers that serve generate_image have one."""
        if self._admission is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._admission

    @property
    def lease_renewal(self) -> ports.LeaseRenewal:
        """What keeps running calls' leases alive; only workers that serve generate_image have it."""
        if self._lease_renewal is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._lease_renewal

    def install(self, admission: ports.AdmissionController, lease_renewal: ports.LeaseRenewal) -> None:
        """Gives the process its admission controller and the renewal of its leases."""
        self._admission, self._lease_renewal = admission, lease_renewal

    @cached_property
    def database(self) -> Database:
        """PostgreSQL."""
        self.settings.require("DATABASE_URL")
        database = Database(self.settings.database_url, pool_size=self._threads)
        self._closers.append(database.close)
        return database

    @cached_property
    def redis(self) -> redis.Redis:
        """Redis with raw lists, cancel keys, bytes and quota."""
        return connect(self.settings.redis, patient=self._patient)

    @cached_property
    def clock(self) -> ports.Clock:
        """The time."""
        return SystemClock()

    @cached_property
    def fetch_job(self) -> ports.FetchJobRows:
        """The rows of fetch_job."""
        return FetchJobRows(self.database)

    @cached_property
    def prepare_inputs(self) -> ports.PrepareInputsRows:
        """The rows of prepare_inputs."""
        return PrepareInputsRows(self.database)

    @cached_property
    def generate_image(self) -> ports.GenerateImageRows:
        """The rows of generate_image."""
        return GenerateImageRows(self.database)

    @cached_property
    def persist_output(self) -> ports.PersistOutputRows:
        """The rows of persist_output."""
        return PersistOutputRows(self.database)

    @cached_property
    def finalize_job(self) -> ports.FinalizeJobRows:
        """The rows of finalize_job."""
        return FinalizeJobRows(self.database)

    @cached_property
    def sweep_stuck_jobs(self) -> ports.SweepStuckJobsRows:
        """The rows of sweep_stuck_jobs."""
        return SweepStuckJobsRows(self.database)

    @cached_property
    def cancellations(self) -> ports.Cancellations:
        """The front end's cancel keys."""
        return Cancellations(self.redis, CancelledRows(self.database))

    @cached_property
    def blobs(self) -> ports.Blobs:
        """The cache of bytes."""
        return Blobs(self.redis, budget_bytes=self.settings.blob_budget_bytes)

    @cached_property
    def quota(self) -> ports.Quota:
        """The provider's quota."""
        return GeminiQuota(
            self.redis,
            rpm=self.settings.gemini_rpm,
            rpd=self.settings.gemini_rpd,
            concurrency=self.settings.gemini_concurrency,
            call_timeout_s=self.settings.gemini_timeout_s,
            blob_budget_bytes=self.settings.blob_budget_bytes,
            calls_begun=lambda window_s, day_s: ProviderCalls(self.database).begun(window_s, day_s),
        )

    @cached_property
    def pause(self) -> ports.Pause:
        """The operator's brake."""
        return Pause(self.redis, PausedRows(self.database))

    @cached_property
    def rejected(self) -> ports.RejectedEntries:
        """The list of what was no job."""
        return RejectedEntries(self.redis)

    @cached_property
    def forward_list(self) -> ports.ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""
        name = self.settings.forward_queue
        return ForwardList(self.redis, name) if name else None

    @cached_property
    def queues(self) -> ports.Queues:
        """The broker and the raw lists."""
        broker = connect(self.settings.broker_redis, patient=self._patient)
        return Queues(broker, self.redis, self.settings.ingest_queues, self.settings.others_lists)

    @cached_property
    def storage(self) -> ports.ObjectStorage:
        """The bucket."""
        from quel.adapters.storage import SupabaseStorage

        self.settings.require("SUPABASE_URL", "SUPABASE_SERVICE_KEY")
        storage = SupabaseStorage(
            url=self.settings.supabase_url,
            service_key=self.settings.supabase_service_key,
            bucket=self.settings.supabase_bucket,
            public_base_url=self.settings.storage_base_url,
            max_reference_bytes=self.settings.max_reference_bytes,
            connections=self._threads * DOWNLOADS_AT_ONCE,
        )
        self._closers.append(storage.close)
        return storage

    @cached_property
    def engine(self) -> ports.Engine:
        """The provider. A second engine would be chosen here, by the model's row in the model table."""
        from quel.adapters.gemini.engine import GeminiEngine

        self.settings.require("GEMINI_API_KEY")
        engine = GeminiEngine(
            api_key=self.settings.gemini_api_key,
            model=self.settings.gemini_model,
            base_url=self.settings.gemini_base_url,
            api_version=self.settings.gemini_api_version,
            timeout_s=self.settings.gemini_timeout_s,
            concurrency=self._threads,
            bench=self._bench,
        )
        self._closers.append(engine.close)
        return engine

    @cached_property
    def imaging(self) -> ports.Imaging:
        """The picture codec."""
        from quel.adapters.imaging import PillowImaging

        return PillowImaging(self._bench)

    @cached_property
    def take_checker(self) -> ports.TakeChecker:
        """What looks at generated pictures: numpy and OpenCV are loaded with it."""
        from quel.adapters.imaging.takes.checker import TakeChecker

        return TakeChecker(self._bench)

    @cached_property
    def _bench(self) -> "Workbench":
        from quel.adapters.imaging import MemoryBudget, Workbench

        budget = MemoryBudget(self.settings.decoding_budget_bytes)
        return Workbench(self.settings.max_reference_pixels, budget=budget)

    def close(self) -> None:
        """Closes what was connected to."""
        while self._closers:
            self._closers.pop()()


def make_rules(settings: Settings) -> Rules:
    """The stages' rules. Raises SettingsError where a setting names a path that does not exist."""
    known = frozenset(PATHS)
    for name, paths in (
        ("QUEL_DEFAULT_PATH", {settings.default_path}),
        ("worker.modules", set(settings.path_limits)),
    ):
        for path in sorted(paths - known):
            raise SettingsError(
                f'{name} names the path "{path}", which is none of {", ".join(sorted(known))}.'
            )
    disabled = frozenset(path for path in known if not settings.limits(path).enabled)
    limited = disabled or any(settings.limits(path).max_workers for path in known)
    limits = (PathLimit(path, settings.limits(path).max_workers) for path in sorted(known - disabled))
    return Rules(
        intake=IntakePolicy(
            known_paths=known,
            disabled_paths=disabled,
            default_path=settings.default_path,
            reject_unknown_paths=settings.unknown_path == "reject",
            price=settings.image_per_price,
            max_images=settings.max_images_per_job,
        ),
        takes=_take_rules(settings),
        retry=RetryPolicy(max_attempts=settings.gemini_max_attempts),
        model=settings.gemini_model,
        max_pictures=model_for(settings.gemini_model).max_pictures,
        stuck_after_s=settings.stuck_after_s,
        max_recoveries=settings.max_recoveries,
        adopt_within_s=settings.adopt_within_s,
        fail_on_missing_reference=settings.missing_reference is MissingReference.FAIL,
        open_paths=OnlyPaths(tuple(limits)) if limited else EveryPath(),
    )


def _take_rules(settings: Settings) -> TakeRules:
    """Unset, the check re-rolls what is worthless and warns of the rest."""
    return TakeRules(
        certain=settings.take_check or Check.REROLL,
        probable=settings.take_check or Check.WARN,
        rerolls=settings.take_rerolls,
        budget=settings.take_budget,
        keep_exhausted=settings.take_exhausted == "keep",
    )
