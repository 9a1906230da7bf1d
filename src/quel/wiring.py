"""The composition root: puts the adapters behind the stages' ports, from the settings alone."""

from collections.abc import Callable
from functools import cached_property

import redis

from quel.adapters.gemini.engine import GeminiEngine
from quel.adapters.imaging import PillowImaging
from quel.adapters.postgres.closing_rows import ClosingRows
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.delivery_rows import DeliveryRows
from quel.adapters.postgres.intake_rows import IntakeRows
from quel.adapters.postgres.preparation_rows import PreparationRows
from quel.adapters.postgres.sweep_rows import SweepRows
from quel.adapters.postgres.turn_rows import TurnRows
from quel.adapters.redis.blobs import Blobs
from quel.adapters.redis.cancellations import Cancellations
from quel.adapters.redis.client import connect
from quel.adapters.redis.forward_list import ForwardList
from quel.adapters.redis.ingest import SetAside
from quel.adapters.redis.pause import Pause
from quel.adapters.redis.queues import Queues
from quel.adapters.redis.quota import GeminiQuota
from quel.adapters.storage import SupabaseStorage
from quel.core.errors import SettingsError
from quel.core.intake import IntakePolicy
from quel.core.models import model_for
from quel.core.paths import PATHS
from quel.core.retry import RetryPolicy
from quel.settings import MissingReference, Settings
from quel.stages.gathering import DOWNLOADS_AT_ONCE
from quel.stages.ports import Doorbell, Leases
from quel.stages.services import Rules


class World:
    """Every neighbour, connected to when it is first used; implements the stages' `Services`.

    `threads` is the number of threads that will use it at once; it sizes the pools. Not `patient`, Redis
    is given up on within seconds: somebody sits in front of it.
    """

    def __init__(self, settings: Settings, *, threads: int = 1, patient: bool = True) -> None:
        self.settings = settings
        self.rules = make_rules(settings)
        self._threads = threads
        self._patient = patient
        self._doorbell: Doorbell | None = None
        self._leases: Leases | None = None
        self._closers: list[Callable[[], object]] = []

    @property
    def doorbell(self) -> Doorbell:
        """The bell of this process; only workers that serve generate_image have one."""
        if self._doorbell is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._doorbell

    @property
    def leases(self) -> Leases:
        """What keeps running calls' leases alive; only workers that serve generate_image have it."""
        if self._leases is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._leases

    def install(self, doorbell: Doorbell, leases: Leases) -> None:
        """Gives the process its bell and its keeper of leases."""
        self._doorbell, self._leases = doorbell, leases

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
    def intake(self) -> IntakeRows:
        """The rows of fetch_job."""
        return IntakeRows(self.database)

    @cached_property
    def preparations(self) -> PreparationRows:
        """The rows of prepare_inputs."""
        return PreparationRows(self.database)

    @cached_property
    def turns(self) -> TurnRows:
        """The rows of generate_image."""
        return TurnRows(self.database)

    @cached_property
    def deliveries(self) -> DeliveryRows:
        """The rows of persist_output."""
        return DeliveryRows(self.database)

    @cached_property
    def closings(self) -> ClosingRows:
        """The rows of finalize_job."""
        return ClosingRows(self.database)

    @cached_property
    def sweeps(self) -> SweepRows:
        """The rows of sweep_stuck_jobs."""
        return SweepRows(self.database)

    @cached_property
    def cancellations(self) -> Cancellations:
        """The front end's cancel keys."""
        return Cancellations(self.redis)

    @cached_property
    def blobs(self) -> Blobs:
        """The cache of bytes."""
        return Blobs(self.redis, budget_bytes=self.settings.blob_budget_bytes)

    @cached_property
    def quota(self) -> GeminiQuota:
        """The provider's quota."""
        return GeminiQuota(
            self.redis,
            rpm=self.settings.gemini_rpm,
            rpd=self.settings.gemini_rpd,
            concurrency=self.settings.gemini_concurrency,
            call_timeout_s=self.settings.gemini_timeout_s,
            blob_budget_bytes=self.settings.blob_budget_bytes,
        )

    @cached_property
    def pause(self) -> Pause:
        """The operator's brake."""
        return Pause(self.redis)

    @cached_property
    def set_aside(self) -> SetAside:
        """The list of what was no job."""
        return SetAside(self.redis)

    @cached_property
    def forward_list(self) -> ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""
        name = self.settings.forward_queue
        return ForwardList(self.redis, name) if name else None

    @cached_property
    def queues(self) -> Queues:
        """The broker and the raw lists."""
        broker = connect(self.settings.broker_redis, patient=self._patient)
        return Queues(broker, self.redis, self.settings.ingest_queues, self.settings.others_lists)

    @cached_property
    def storage(self) -> SupabaseStorage:
        """The bucket."""
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
    def engine(self) -> GeminiEngine:
        """The provider. A second engine would be chosen here, by the model's row in the model table."""
        self.settings.require("GEMINI_API_KEY")
        engine = GeminiEngine(
            api_key=self.settings.gemini_api_key,
            model=self.settings.gemini_model,
            base_url=self.settings.gemini_base_url,
            api_version=self.settings.gemini_api_version,
            timeout_s=self.settings.gemini_timeout_s,
            concurrency=self._threads,
        )
        self._closers.append(engine.close)
        return engine

    @cached_property
    def imaging(self) -> PillowImaging:
        """The picture codec."""
        return PillowImaging(max_pixels=self.settings.max_reference_pixels)

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
    open_paths = tuple(
        {"path": path, "most": settings.limits(path).max_workers} for path in sorted(known - disabled)
    )
    return Rules(
        intake=IntakePolicy(
            known_paths=known,
            disabled_paths=disabled,
            default_path=settings.default_path,
            reject_unknown_paths=settings.unknown_path == "reject",
            price=settings.image_per_price,
            max_images=settings.max_images_per_job,
        ),
        retry=RetryPolicy(max_attempts=settings.gemini_max_attempts),
        model=settings.gemini_model,
        max_pictures=model_for(settings.gemini_model).max_pictures,
        stuck_after_s=settings.stuck_after_s,
        max_recoveries=settings.max_recoveries,
        adopt_within_s=settings.adopt_within_s,
        fail_on_missing_reference=settings.missing_reference is MissingReference.FAIL,
        path_limits=open_paths if limited else None,
    )
