"""The world in memory and the one on servers in the same words: what is done to them, and what they tell.

Storage, provider, codec and take check are those of the world in memory on both sides, so that what differs
is in the rows and keys.
"""

import json
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any
from uuid import UUID

from quel.core.engines import Maker
from quel.core.pipeline import Step, StepMessage
from quel.core.ports import outside, shared
from quel.core.services import Services as AnyServices
from quel.environment import read_settings
from quel.rules import make_rules
from quel.sandbox.memory.admission import AdmissionController, LeaseRenewal
from quel.sandbox.memory.broker import Broker
from quel.sandbox.memory.clock import Clock
from quel.sandbox.memory.deliver_webhook import WebhookSender
from quel.sandbox.memory.pictures import Engine, Imaging, TakeChecker
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.storage import ObjectStorage
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.worker import run_stage
from quel.services import Services
from tests.integration.harness import Pipeline

JOB, OTHER, NEWCOMER = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
MINUTE_S, STUCK_S = 61.0, 601.0

_JOB = "job_status total_images completed_images failed_images generated_attach_ids error_message retry_count"
_PRODUCTION = "production_status attach_ids generated_image_count input_images_count"
_CLAIMED = (
    "path payer_kind price result_owner warnings input_images extra_attach_ids fruitless_recoveries"
    " stored_at_recovery ended_elsewhere starts postponed"
)
_IMAGE = (
    "job_id image_no path stage item number seed series state turn text_only attempts broken_answers rerolls"
    " starts object_bytes engine workflow rerouted lease_owner cost_usd reason_code reason attach_id"
)
_LEDGER = "transaction_type amount balance_after description attach_idx api_provider"
_WEBHOOK = "job_id type url state tries last_status last_code"
_RECEIVER = {"QUEL_WEBHOOK_URL": "https://hooks.example.com/"}
_ALL_TABLES = "quel_member, quel_organization, quel_production_photo, quel_attach, quel_credits, quel.webhook"
_ATTACHED = "attach_id attach_file_path attach_directory attach_file_size attach_file_type"


class World(ABC):
    """One of the two worlds, with what a scenario does to it and what it tells afterwards."""

    services: AnyServices
    studio: Any

    def __init__(self) -> None:
        self.engine, self.storage, self.imaging = Engine(), ObjectStorage(), Imaging()
        self.take_checker, self.receiver = TakeChecker(), WebhookSender()
        self.messages: list[StepMessage] = []

    def order(self, images: int = 1, *, job_id: UUID = JOB, credits: int = 1_000, **columns: Any) -> UUID:
        """A pending job and a message to fetch it."""
        member = columns.pop("member", None) or self.studio.member(credits)
        data = columns.pop("data", {"prompt": "a mast"})
        if isinstance(data, dict):
            data |= {"userId": "someone"}  # results are stored under this, not under an id of either world
        job_type = columns.pop("job_type", "simple_general")
        self.studio.job(job_type, data, total_images=images, member=member, job_id=job_id, **columns)
        self.messages.append(StepMessage(Step.FETCH_JOB, job_id))
        return job_id

    def reference(self, name: str, data: bytes | None = None) -> int:
        """An attachment whose object is there where `data` is given."""
        if data is not None:
            self.storage.objects[name] = data
        return int(self.studio.attachment_row(name))

    def run(self, until: Step | None = None) -> None:
        """Works until no message is left, or the first of a step is done; what is delayed is waited for."""
        for _ in range(200):
            if not self.messages:
                return
            message = self.messages.pop(0)
            self.let_pass(message.delay_s)
            self.messages += run_stage(self.services, message)
            if message.step is until:
                return
        raise AssertionError("Messages are left.")

    def lose_after(self, step: Step) -> None:
        """Works until the first message of a step is done, and loses all others."""
        self.run(until=step)
        self.messages.clear()

    def sweep(self, after_s: float) -> None:
        """Sweeps after a silence, and works off what that sends."""
        self.let_pass(after_s)
        self.messages.append(StepMessage(Step.SWEEP_STUCK_JOBS, JOB))
        self.run()

    @abstractmethod
    def let_pass(self, seconds: float) -> None:
        """A silence."""

    @abstractmethod
    def mark(self, job_id: UUID, status: str, *, completed: bool = False) -> None:
        """Somebody else writes a job's status."""

    @abstractmethod
    def made_elsewhere(self, job_id: UUID, attach_ids: list[int]) -> None:
        """Another server has made some of a job's images."""

    @abstractmethod
    def spend(self, left: int) -> None:
        """Every member has so many credits left."""

    @abstractmethod
    def lose_bytes(self) -> None:
        """The cache loses everything."""

    @abstractmethod
    def rows(self, table: str, columns: str) -> list[dict[str, Any]]:
        """A table's rows in these columns."""

    @abstractmethod
    def bytes_kept(self) -> int:
        """How many pictures the cache holds."""

    def told(self) -> dict[str, Any]:
        """All that can be seen from outside, in the same words."""
        tables = {
            "public.quel_production_jobs": f"job_id {_JOB}",
            "public.quel_production_photo": _PRODUCTION,
            "public.quel_member": "quel_member_credit",
            "public.quel_credits": _LEDGER,
            "public.quel_attach": _ATTACHED,
            "quel.job": f"job_id {_CLAIMED}",
            "quel.image": _IMAGE,
            "quel.webhook": _WEBHOOK,
            "quel.pending_job": "recoveries adoptions",
        }
        rows = {table: sorted(map(_plain, self.rows(table, columns))) for table, columns in tables.items()}
        return rows | {"objects": sorted(self.storage.objects.items()), "bytes kept": self.bytes_kept()}


def _plain(row: dict[str, Any]) -> str:
    plain = {}
    for column, value in row.items():
        if column == "cost_usd" and value is not None:
            value = round(float(value), 5)
        elif column == "attach_file_size":
            value = value or 0
        elif column in {"attach_ids", "warnings", "extra_attach_ids", "generated_attach_ids"}:
            value = list(value or ())
        plain[column] = str(value)
    return str(plain)


class InMemory(World):
    def __init__(self) -> None:
        super().__init__()
        self.services = self._own = MemoryServices(make_rules(read_settings(_RECEIVER)))
        self._own.engine, self._own.storage, self._own.imaging = self.engine, self.storage, self.imaging
        self._own.take_checker, self._own.webhook_sender = self.take_checker, self.receiver
        self.studio = MemoryStudio(self._own)

    def let_pass(self, seconds: float) -> None:
        self._own.clock.advance(seconds)

    def mark(self, job_id: UUID, status: str, *, completed: bool = False) -> None:
        row = self.studio.job_row(job_id)
        row.job_status = type(row.job_status)(status)
        row.completed_at = self._own.clock.now if completed else row.completed_at
        self._own.tables.touch(row)

    def made_elsewhere(self, job_id: UUID, attach_ids: list[int]) -> None:
        self.studio.job_row(job_id).generated_attach_ids = attach_ids

    def spend(self, left: int) -> None:
        for member in self._own.tables.members.values():
            member.quel_member_credit = left

    def lose_bytes(self) -> None:
        self._own.blobs.lose_everything()

    def bytes_kept(self) -> int:
        return len(self._own.blobs.inputs) + len(self._own.blobs.outputs)

    def rows(self, table: str, columns: str) -> list[dict[str, Any]]:
        tables = self._own.tables
        found: dict[str, list[Any]] = {
            "public.quel_production_jobs": list(tables.jobs.values()),
            "public.quel_production_photo": list(tables.productions.values()),
            "public.quel_member": list(tables.members.values()),
            "public.quel_credits": tables.ledger,
            "public.quel_attach": list(tables.attachments.values()),
            "quel.job": list(tables.pipeline_jobs.values()),
            "quel.image": list(tables.images.values()),
            "quel.webhook": list(tables.webhooks.values()),
            "quel.pending_job": list(tables.pending_jobs.values()),
        }
        return [{column: getattr(row, column) for column in columns.split()} for row in found[table]]


class TrueServices(Services):
    """PostgreSQL and Redis as they are wired, with the neighbours that the other world has as well."""

    def __init__(self, environment: dict[str, str], world: World) -> None:
        super().__init__(read_settings(environment))
        self._world = world
        self.install({Maker(): AdmissionController(Clock())}, LeaseRenewal())

    @cached_property
    def queues(self) -> shared.Queues:
        return Broker(Clock())

    @cached_property
    def storage(self) -> outside.ObjectStorage:
        return self._world.storage

    @cached_property
    def engine(self) -> outside.Engine:
        return self._world.engine

    @cached_property
    def imaging(self) -> outside.Imaging:
        return self._world.imaging

    @cached_property
    def take_checker(self) -> outside.TakeChecker:
        return self._world.take_checker

    @cached_property
    def webhook_sender(self) -> outside.WebhookSender:
        return self._world.receiver


class OnServers(World):
    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._pipeline = pipeline
        self.studio = pipeline.studio
        self.studio.rows(f"TRUNCATE {_ALL_TABLES} RESTART IDENTITY CASCADE")
        self.studio.redis.flushdb()
        self.services = self._own = TrueServices(pipeline.environment(QUEL_TAKE_CHECK="", **_RECEIVER), self)

    def let_pass(self, seconds: float) -> None:
        if seconds:
            self._pipeline.let_pass(seconds)

    def mark(self, job_id: UUID, status: str, *, completed: bool = False) -> None:
        ends = ", completed_at = now()" if completed else ""
        self.studio.rows(
            f"UPDATE quel_production_jobs SET job_status = %s{ends} WHERE job_id = %s", status, job_id
        )

    def made_elsewhere(self, job_id: UUID, attach_ids: list[int]) -> None:
        change = "UPDATE quel_production_jobs SET generated_attach_ids = %s WHERE job_id = %s"
        self.studio.rows(change, json.dumps(attach_ids), job_id)

    def spend(self, left: int) -> None:
        self.studio.rows("UPDATE quel_member SET quel_member_credit = %s", left)

    def lose_bytes(self) -> None:
        for key in self._blobs():
            self.studio.redis.delete(key)

    def bytes_kept(self) -> int:
        return len(self._blobs())

    def rows(self, table: str, columns: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.studio.rows(f"SELECT {', '.join(columns.split())} FROM {table}")
        return found

    def close(self) -> None:
        self._own.close()

    def _blobs(self) -> list[bytes]:
        return list(self.studio.redis.scan_iter("quel:blob:*"))
