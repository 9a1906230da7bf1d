"""Every neighbour a stage uses (`quel.core.services`), wired to the adapter behind its port.

Each is connected to when it is first used, so that each actor group runs with only its own settings. The
libraries of Storage, provider and codec are imported then as well: most actor groups need none of them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

import redis

from quel.adapters.clock import SystemClock
from quel.adapters.held_jobs import HeldJobs
from quel.adapters.memory_budget import MemoryBudget
from quel.adapters.picture_file import picture_file
from quel.adapters.postgres.cancelled_rows import CancelledRows
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.deliver_webhook import DeliverWebhookRows
from quel.adapters.postgres.fetch_job import FetchJobRows
from quel.adapters.postgres.fetch_line import FetchLineRows
from quel.adapters.postgres.finalize_job import FinalizeJobRows
from quel.adapters.postgres.generate_image import GenerateImageRows
from quel.adapters.postgres.operations.tally import TallyRows
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
from quel.core.engines import COMFYUI, GEMINI, Maker
from quel.core.errors import SettingsError
from quel.core.ports import outside, rows, shared
from quel.core.prepare_inputs import DOWNLOADS_AT_ONCE
from quel.core.rules import Rules
from quel.core.services import Lane
from quel.core.webhooks.signature import read_secrets
from quel.lanes import EngineLane
from quel.routing import EngineSettings, read_engine_settings, secret_of
from quel.rules import make_rules
from quel.settings import Settings

if TYPE_CHECKING:
    from quel.adapters.comfy.places import ComfyServers
    from quel.adapters.imaging import Workbench
    from quel.adapters.storage import SupabaseStorage


class Services:
    """What a stage is given, wired: the neighbours behind their ports, and the rules the settings make.

    `threads` is the number of threads that will use it at once; it sizes the pools. Not `patient`, Redis
    is given up on within seconds: somebody sits in front of it.
    """

    def __init__(self, settings: Settings, *, threads: int = 1, patient: bool = True) -> None:
        self.settings = settings
        self._threads = self._callers = threads
        self._patient = patient
        self._admissions: Mapping[Maker, shared.AdmissionController] | None = None
        self._lease_renewal: shared.LeaseRenewal | None = None
        self.stopping = Event()
        self._closers: list[Callable[[], object]] = []

    @cached_property
    def rules(self) -> Rules:
        """The settings as the stages need them. Raises SettingsError (see `make_rules`)."""
        return make_rules(self.settings, self.engine_settings)

    @cached_property
    def engine_settings(self) -> EngineSettings:
        """Routes, workflows and servers. Raises SettingsError."""
        return read_engine_settings(self.settings)

    def admission(self, maker: Maker) -> shared.AdmissionController:
        """A maker's admission controller; only workers that serve generate_image have them."""
        if self._admissions is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._admissions[maker]

    @property
    def callers(self) -> int:
        """How many threads call engines."""
        return self._callers

    @property
    def lease_renewal(self) -> shared.LeaseRenewal:
        """What keeps running calls' leases alive; only workers that serve generate_image have it."""
        if self._lease_renewal is None:
            raise SettingsError("This process does not serve generate_image.")
        return self._lease_renewal

    def install(
        self,
        admissions: Mapping[Maker, shared.AdmissionController],
        lease_renewal: shared.LeaseRenewal,
        *,
        callers: int | None = None,
    ) -> None:
        """Gives the process an admission controller a maker, and the renewal of its leases.

        `callers` is the number of its threads that call engines.
        """
        self._admissions, self._lease_renewal = admissions, lease_renewal
        self._callers = callers or self._threads

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
    def clock(self) -> outside.Clock:
        """The time."""
        return SystemClock()

    @cached_property
    def fetch_job(self) -> rows.FetchJobRows:
        """The rows of fetch_job."""
        return FetchJobRows(self.database)

    @cached_property
    def fetch_line(self) -> FetchLineRows:
        """The line of jobs to fetch."""
        return FetchLineRows(self.database)

    @cached_property
    def prepare_inputs(self) -> rows.PrepareInputsRows:
        """The rows of prepare_inputs."""
        return PrepareInputsRows(self.database)

    @cached_property
    def preparing(self) -> HeldJobs:
        """The jobs that are being prepared in this process."""
        return HeldJobs()

    @cached_property
    def generate_image(self) -> rows.GenerateImageRows:
        """The rows of generate_image."""
        return GenerateImageRows(self.database)

    @cached_property
    def persist_output(self) -> rows.PersistOutputRows:
        """The rows of persist_output."""
        return PersistOutputRows(self.database)

    @cached_property
    def finalize_job(self) -> rows.FinalizeJobRows:
        """The rows of finalize_job."""
        return FinalizeJobRows(self.database, self.settings.webhooks)

    @cached_property
    def deliver_webhook(self) -> rows.DeliverWebhookRows:
        """The rows of deliver_webhook."""
        return DeliverWebhookRows(self.database)

    @cached_property
    def webhook_sender(self) -> outside.WebhookSender:
        """What sends webhooks. Raises SettingsError where a receiver is set and no secret."""
        from quel.adapters.webhook import WebhookSender

        if self.settings.webhooks.is_set:
            self.settings.require("QUEL_WEBHOOK_SECRET")
        return WebhookSender(self.settings.webhooks, read_secrets(self.settings.webhook_secret))

    @cached_property
    def sweep_stuck_jobs(self) -> rows.SweepStuckJobsRows:
        """The rows of sweep_stuck_jobs."""
        return SweepStuckJobsRows(self.database)

    @cached_property
    def tally(self) -> rows.Tally:
        """The hourly sums that statistics are read from."""
        use_default = self.settings.unknown_path == "use_default"
        return TallyRows(self.database, self.settings.default_path, fall_back=use_default)

    @cached_property
    def cancellations(self) -> shared.Cancellations:
        """The front end's cancel keys."""
        return Cancellations(self.redis, CancelledRows(self.database))

    @cached_property
    def blobs(self) -> shared.Blobs:
        """The cache of bytes."""
        return Blobs(self.redis, budget_bytes=self.settings.blob_budget_bytes)

    @cached_property
    def quota(self) -> shared.Quota:
        """Gemini's quota."""
        return GeminiQuota(
            self.redis,
            rpm=self.settings.gemini_rpm,
            rpd=self.settings.gemini_rpd,
            concurrency=self.settings.gemini_concurrency,
            call_timeout_s=self.settings.gemini_timeout_s,
            blob_budget_bytes=self.settings.blob_budget_bytes,
            calls_begun=lambda window_s, day_s: ProviderCalls(self.database, GEMINI).begun(window_s, day_s),
        )

    @cached_property
    def pause(self) -> shared.Pause:
        """The operator's brake."""
        return Pause(self.redis, PausedRows(self.database))

    @cached_property
    def rejected(self) -> shared.RejectedEntries:
        """The list of what was no job."""
        return RejectedEntries(self.redis)

    @cached_property
    def forward_list(self) -> shared.ForwardList | None:
        """Where jobs that quel does not make go, if there is such a list."""
        name = self.settings.forward_queue
        return ForwardList(self.redis, name) if name else None

    @cached_property
    def queues(self) -> shared.Queues:
        """The broker and the raw lists."""
        broker = connect(self.settings.broker_redis, patient=self._patient)
        return Queues(broker, self.redis, self.settings.ingest_queues, self.settings.others_lists)

    @cached_property
    def download_budget(self) -> shared.MemoryBudget:
        """For references that are being fetched."""
        return MemoryBudget(self.settings.transfer_budget_bytes)

    @cached_property
    def call_budget(self) -> shared.MemoryBudget:
        """For the pictures of provider calls."""
        return MemoryBudget(self.settings.transfer_budget_bytes)

    def picture_file(self) -> AbstractContextManager[shared.PictureFile]:
        """An empty file of pictures."""
        return picture_file()

    @cached_property
    def storage(self) -> outside.ObjectStorage:
        """The bucket."""
        storage = make_storage(self.settings, connections=self._threads * DOWNLOADS_AT_ONCE)
        self._closers.append(storage.close)
        return storage

    @cached_property
    def engine(self) -> outside.Engine:
        """Gemini."""
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
    def comfy_servers(self) -> "ComfyServers":
        """The ComfyUI servers. Raises SettingsError for an address or a credential that is missing."""
        from quel.adapters.comfy.client import ComfyClient
        from quel.adapters.comfy.places import ComfyServers

        clients = {}
        for name, server in self.engine_settings.servers.items():
            secret = secret_of(server, self.settings)
            clients[name] = ComfyClient(server, secret, connections=self._threads)
            self._closers.append(clients[name].close)
        return ComfyServers(self.redis, clients)

    def _comfy_engine(self, maker: Maker) -> outside.Engine:
        from quel.adapters.comfy.engine import ComfyEngine

        comfy, workflow = self.settings.comfy, self.engine_settings.workflows[maker.workflow]
        return ComfyEngine(
            workflow,
            self.comfy_servers,
            poll_s=comfy.poll_s,
            lost_after_s=comfy.lost_after_s,
            bench=self._bench,
            is_stopping=self.stopping.is_set,
        )

    def _comfy_quota(self, maker: Maker) -> shared.Quota:
        from quel.adapters.comfy.places import ComfyPlaces

        return ComfyPlaces(
            self.comfy_servers,
            self.engine_settings.workflows[maker.workflow].servers,
            maker.workflow,
            outputs_full=lambda: self.quota.outputs_full(),
        )

    def engine_of(self, maker: Maker) -> outside.Engine:
        """A maker's engine."""
        engines = {GEMINI: lambda _: self.engine, COMFYUI: self._comfy_engine}
        return engines[maker.engine](maker)

    def quota_of(self, maker: Maker) -> shared.Quota:
        """A maker's quota."""
        quotas = {GEMINI: lambda _: self.quota, COMFYUI: self._comfy_quota}
        return quotas[maker.engine](maker)

    @cached_property
    def lanes(self) -> Sequence[Lane]:
        """One a maker that a route or a plan may name; each of several leaves the others a thread."""
        makers = self.engine_settings.makers
        left = int(len(makers) > 1)
        return [
            EngineLane(
                maker,
                engine_of=self.engine_of,
                quota_of=self.quota_of,
                admission_of=self.admission,
                may_wait=lambda: max(1, self.callers - left),
            )
            for maker in makers
        ]

    @cached_property
    def imaging(self) -> outside.Imaging:
        """The picture codec."""
        from quel.adapters.imaging import PillowImaging

        return PillowImaging(self._bench)

    @cached_property
    def take_checker(self) -> outside.TakeChecker:
        """What looks at generated pictures: numpy and OpenCV are loaded with it."""
        from quel.adapters.imaging.takes.checker import TakeChecker

        return TakeChecker(self._bench)

    @cached_property
    def _bench(self) -> "Workbench":
        from quel.adapters.imaging import Workbench

        budget = MemoryBudget(self.settings.decoding_budget_bytes)
        return Workbench(self.settings.max_reference_pixels, budget=budget)

    def close(self) -> None:
        """Closes what was connected to."""
        while self._closers:
            self._closers.pop()()


def make_storage(settings: Settings, *, connections: int, timeout_s: float = 30.0) -> "SupabaseStorage":
    """The bucket, each try within `timeout_s`; its maker closes it. Raises SettingsError."""
    from quel.adapters.storage import SupabaseStorage

    settings.require("SUPABASE_URL", "SUPABASE_SERVICE_KEY")
    return SupabaseStorage(
        url=settings.supabase_url,
        service_key=settings.supabase_service_key,
        bucket=settings.supabase_bucket,
        public_base_url=settings.storage_base_url,
        max_reference_bytes=settings.max_reference_bytes,
        timeout_s=timeout_s,
        connections=connections,
    )
