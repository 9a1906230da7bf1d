"""The world in memory tells what PostgreSQL and Redis tell: the same scenarios on both leave the same rows.

Storage, provider and codec are those of the world in memory on both sides, so that what differs is in the
rows and keys. A scenario plays one message at a time; ids are its own, so that turns and seeds are the same.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from uuid import UUID

import pytest

from quel.core import ports
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.core.outcome import Broken, QuotaScope, Refused, Transient, Wait
from quel.core.pipeline import Step, StepMessage
from quel.core.services import Services as AnyServices
from quel.sandbox.memory.admission import AdmissionController, LeaseRenewal
from quel.sandbox.memory.broker import Broker
from quel.sandbox.memory.clock import Clock
from quel.sandbox.memory.pictures import NO_PICTURE, Engine, Imaging, made
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.storage import ObjectStorage
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.worker import run_stage
from quel.services import Services
from quel.settings import read_settings
from tests.integration.harness import Pipeline
from tests.integration.harness import World as Servers

JOB, OTHER = UUID(int=0xA), UUID(int=0xB)
MINUTE_S, STUCK_S = 61.0, 601.0

_JOB = "job_status total_images completed_images failed_images generated_attach_ids error_message retry_count"
_PRODUCTION = "production_status attach_ids generated_image_count input_images_count"
_CLAIMED = (
    "path payer_kind price result_owner warnings input_images extra_attach_ids fruitless_recoveries"
    " stored_at_recovery ended_elsewhere"
)
_IMAGE = (
    "job_id image_no path stage item number seed state turn attempts broken_answers lease_owner cost_usd"
    " reason_code reason attach_id"
)
_LEDGER = "transaction_type amount balance_after description attach_idx api_provider"
_ALL_TABLES = "quel_member, quel_organization, quel_production_photo, quel_attach, quel_credits"
_ATTACHED = "attach_id attach_file_path attach_directory attach_file_size attach_file_type"


class World(ABC):
    """One of the two worlds, with what a scenario does to it and what it tells afterwards."""

    services: AnyServices
    studio: Any

    def __init__(self) -> None:
        self.engine, self.storage, self.imaging = Engine(), ObjectStorage(), Imaging()
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
        self.services = self._own = MemoryServices()
        self._own.engine, self._own.storage, self._own.imaging = self.engine, self.storage, self.imaging
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
            "quel.pending_job": list(tables.pending_jobs.values()),
        }
        return [{column: getattr(row, column) for column in columns.split()} for row in found[table]]


class TrueServices(Services):
    """PostgreSQL and Redis as they are wired, with the neighbours that the other world has as well."""

    def __init__(self, environment: dict[str, str], world: World) -> None:
        super().__init__(read_settings(environment))
        self._world = world
        self.install(AdmissionController(Clock()), LeaseRenewal())

    @cached_property
    def queues(self) -> ports.Queues:
        return Broker(Clock())

    @cached_property
    def storage(self) -> ports.ObjectStorage:
        return self._world.storage

    @cached_property
    def engine(self) -> ports.Engine:
        return self._world.engine

    @cached_property
    def imaging(self) -> ports.Imaging:
        return self._world.imaging


class OnServers(World):
    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._pipeline = pipeline
        self.studio = pipeline.studio
        self.studio.rows(f"TRUNCATE {_ALL_TABLES} RESTART IDENTITY CASCADE")
        self.studio.redis.flushdb()
        self.services = self._own = TrueServices(pipeline.environment(), self)

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


REFUSAL = Refused("blocked_safety", "The provider refused it.")
FAILURE = Transient("server_error", "It failed.")
WORDS = Broken("no_picture", "It answered in words.")

Scenario = Callable[[World], None]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    SCENARIOS.append(play)
    return play


@scenario
def a_job_is_delivered(world: World) -> None:
    world.order(3)
    world.run()


@scenario
def every_message_comes_twice(world: World) -> None:
    world.order(2)
    for step in (Step.FETCH_JOB, Step.PREPARE_INPUTS, Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT):
        world.messages *= 2
        world.run(until=step)
    world.run()


@scenario
def one_image_is_refused(world: World) -> None:
    world.engine.answer(REFUSAL)
    world.order(3)
    world.run()


@scenario
def calls_fail_and_are_tried_again(world: World) -> None:
    world.engine.answer(FAILURE, WORDS, FAILURE)
    world.order(1)
    world.run()


@scenario
def three_answers_are_words(world: World) -> None:
    world.engine.answer(WORDS, WORDS, WORDS)
    world.order(1)
    world.run()


@scenario
def a_429_spends_nothing(world: World) -> None:
    world.engine.answer(Wait(QuotaScope.MINUTE, None))
    world.order(1)
    world.run()
    assert world.services.quota.closed_for_s() > 0


@scenario
def a_job_costs_more_than_there_is(world: World) -> None:
    world.order(2, credits=9)
    world.run()


@scenario
def credits_are_held_for_another_job(world: World) -> None:
    member = world.studio.member(14)
    world.order(2, member=member)
    world.order(1, member=member, job_id=OTHER)
    world.run()


@scenario
def credits_are_gone_before_the_call(world: World) -> None:
    world.order(3)
    world.run(until=Step.PREPARE_INPUTS)
    world.spend(4)
    world.run()


@scenario
def credits_are_gone_at_the_delivery(world: World) -> None:
    world.order(3)
    world.run(until=Step.GENERATE_IMAGE)
    world.spend(4)
    world.run()


@scenario
def credits_last_for_one_of_two(world: World) -> None:
    world.order(2)
    world.run(until=Step.PREPARE_INPUTS)
    world.spend(5)
    world.run()
    world.let_pass(4)
    world.messages.append(StepMessage(Step.GENERATE_IMAGE, JOB, 1))
    world.run()


@scenario
def an_organization_pays(world: World) -> None:
    member = world.studio.member(0)
    world.order(2, member=member, org=world.studio.organization(member, 100))
    world.run()


@scenario
def the_cancel_key_is_set(world: World) -> None:
    world.order(3)
    world.run(until=Step.PERSIST_OUTPUT)
    world.studio.cancel(JOB)
    world.run()


@scenario
def the_row_is_marked_as_cancelled(world: World) -> None:
    world.order(2)
    world.lose_after(Step.GENERATE_IMAGE)
    world.mark(JOB, "cancelled")
    world.sweep(after_s=MINUTE_S)


@scenario
def somebody_else_ends_the_job(world: World) -> None:
    world.order(3)
    world.lose_after(Step.PERSIST_OUTPUT)
    world.mark(JOB, "failed", completed=True)
    world.sweep(after_s=0)
    world.sweep(after_s=MINUTE_S)


@scenario
def a_pending_job_is_on_no_queue(world: World) -> None:
    world.order(1)
    world.messages.clear()
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_prepare_is_lost(world: World) -> None:
    world.order(2)
    world.lose_after(Step.FETCH_JOB)
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_persist_is_lost(world: World) -> None:
    world.order(1)
    world.lose_after(Step.GENERATE_IMAGE)
    world.sweep(after_s=MINUTE_S)


@scenario
def the_message_to_finalize_is_lost(world: World) -> None:
    world.order(1)
    world.lose_after(Step.PERSIST_OUTPUT)
    world.sweep(after_s=MINUTE_S)


@scenario
def a_lease_runs_out(world: World) -> None:
    world.order(2)
    world.lose_after(Step.PREPARE_INPUTS)
    assert world.services.generate_image.claim("a worker", EveryPath())
    world.sweep(after_s=31)


@scenario
def a_job_is_taken_up_in_vain(world: World) -> None:
    world.order(2)
    world.lose_after(Step.PERSIST_OUTPUT)
    for _ in range(4):
        world.let_pass(STUCK_S)
        run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))


@scenario
def a_pending_job_is_taken_up_in_vain(world: World) -> None:
    world.order(2)
    for _ in range(4):
        world.let_pass(STUCK_S)
        run_stage(world.services, StepMessage(Step.SWEEP_STUCK_JOBS, JOB))


@scenario
def another_server_left_the_job(world: World) -> None:
    world.order(2, job_status="processing")
    world.messages.clear()
    world.sweep(after_s=STUCK_S)


@scenario
def another_server_made_some_of_it(world: World) -> None:
    world.order(3)
    world.made_elsewhere(JOB, [71])
    world.run()


@scenario
def the_job_is_set_back_to_pending(world: World) -> None:
    world.order(3)
    world.lose_after(Step.GENERATE_IMAGE)
    world.mark(JOB, "pending")
    world.messages.append(StepMessage(Step.FETCH_JOB, JOB))
    world.run()


@scenario
def references_are_shown_and_some_are_missing(world: World) -> None:
    names = {"model": "model", "top": "top", "pants": "pants", "gone": "bag"}
    asked = [
        {"attachId": world.reference(name, None if name == "gone" else name.encode()), "type": type_}
        for name, type_ in names.items()
    ]
    world.order(2, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run(until=Step.PREPARE_INPUTS)
    assert world.bytes_kept() == 2
    world.run()


@scenario
def no_reference_can_be_had(world: World) -> None:
    asked = [{"attachId": world.reference("gone"), "type": "top"}]
    world.order(1, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run()


@scenario
def prepared_pictures_are_lost(world: World) -> None:
    asked = [{"attachId": world.reference("top", b"top"), "type": "top"}]
    world.order(2, job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    world.run(until=Step.PREPARE_INPUTS)
    world.lose_bytes()
    world.run()


@scenario
def an_answer_is_lost(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    world.lose_bytes()
    world.run()


@scenario
def an_answer_is_lost_after_it_was_stored(world: World) -> None:
    world.order(1)
    world.run(until=Step.GENERATE_IMAGE)
    world.storage.objects[_result_path(world)] = b"stored"
    world.lose_bytes()
    world.run()


@scenario
def three_answers_cannot_be_decoded(world: World) -> None:
    world.engine.answer(*[made(NO_PICTURE)] * 3)
    world.order(1)
    world.run()


@scenario
def a_job_of_another_kind_comes(world: World) -> None:
    world.order(1, path="video")
    world.run()
    world.sweep(after_s=STUCK_S)


@scenario
def an_input_cannot_be_run(world: World) -> None:
    world.order(1, data=["a", "list"])
    world.run()


@scenario
def two_customers_take_turns(world: World) -> None:
    world.order(4, path="fashion")
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    for _ in range(2):
        world.services.generate_image.claim("a worker", EveryPath())
    world.order(2, path="beauty", job_id=OTHER)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    for _ in range(3):
        world.services.generate_image.claim("a worker", EveryPath())


@scenario
def paths_are_limited(world: World) -> None:
    world.order(3, path="fashion")
    world.order(1, path="beauty", job_id=OTHER)
    world.run(until=Step.PREPARE_INPUTS)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    limits = OnlyPaths((PathLimit("fashion", 2),))
    claimed = [world.services.generate_image.claim("a worker", limits) for _ in range(3)]
    assert [turn is None for turn in claimed] == [False, False, True]


@scenario
def a_production_has_two_jobs(world: World) -> None:
    production = world.studio.production(member := world.studio.member(100))
    world.order(1, member=member, production=production)
    world.run()
    world.order(2, member=member, production=production, job_id=OTHER)
    world.run(until=Step.FETCH_JOB)
    world.studio.cancel(OTHER)
    world.run()


@scenario
def what_is_due_is_counted(world: World) -> None:
    world.order(3)
    world.run(until=Step.PREPARE_INPUTS)
    world.messages.clear()
    rows = world.services.generate_image
    turn = rows.claim("a worker", EveryPath())
    assert turn is not None
    assert (rows.due(10), rows.due(1)) == (2, 1)


def _result_path(world: World) -> str:
    delivery = world.services.persist_output.load(JOB, 0)
    assert delivery is not None
    return delivery.result_path


@pytest.fixture(scope="module")
def one_pipeline(world: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A database and a Redis for all scenarios: each empties them first."""
    one = Pipeline(world, tmp_path_factory.mktemp("contract"))
    yield one
    one.close()


@pytest.mark.parametrize("play", SCENARIOS, ids=lambda play: play.__name__)
def test_both_worlds_tell_the_same(play: Scenario, one_pipeline: Pipeline) -> None:
    memory, servers = InMemory(), OnServers(one_pipeline)
    try:
        play(memory)
        play(servers)
        assert memory.told() == servers.told()
        assert len(memory.engine.requests) == len(servers.engine.requests)
    finally:
        servers.close()
