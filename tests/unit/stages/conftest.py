"""A world in memory for every test: services, front end, a worker; and jobs brought as far as needed."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any
from uuid import UUID

import pytest

from quel.core.pipeline import Step
from quel.observe.events import Event, hearing
from quel.sandbox.memory.pictures import made
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.studio import MemoryStudio
from quel.sandbox.memory.worker import Worker

Bring = Callable[..., UUID]
Events = list[MutableMapping[str, Any]]


@pytest.fixture
def services() -> MemoryServices:
    return MemoryServices()


@pytest.fixture
def studio(services: MemoryServices) -> MemoryStudio:
    return MemoryStudio(services)


@pytest.fixture
def worker(services: MemoryServices) -> Worker:
    return Worker(services)


@pytest.fixture
def events() -> Iterator[Events]:
    """Every event from here on with its fields, however logs are configured meanwhile."""
    heard: Events = []

    def hear(event: Event, fields: Mapping[str, Any]) -> None:
        heard.append({"event": event.value, **fields})

    with hearing(hear):
        yield heard


@pytest.fixture
def job(studio: MemoryStudio) -> Bring:
    """A pending job of a member's without references."""

    def order(images: int = 1, *, credits: int = 1_000, **columns: Any) -> UUID:
        member = columns.pop("member", None) or studio.member(credits)
        data = columns.pop("data", {"prompt": "a mast"})
        job_type = columns.pop("job_type", "simple_general")
        return studio.job(job_type, data, total_images=images, member=member, **columns)

    return order


@pytest.fixture
def job_after(services: MemoryServices, studio: MemoryStudio, worker: Worker, job: Bring) -> Bring:
    """A job one step of which has just been worked off; what it led to is sent to nobody."""

    def bring(step: Step, images: int = 1, **columns: Any) -> UUID:
        job_id = job(images, **columns)
        studio.push(job_id)
        worker.die_after(step)
        return job_id

    return bring


@pytest.fixture
def ready(job_after):
    """A job of `images` images that wait for their turn."""

    def bring(images=1, **columns):
        return job_after(Step.PREPARE_INPUTS, images, **columns)

    return bring


@pytest.fixture
def batch(studio, job_after):
    """A claimed batch of `images` images with references given as (attach_id, type)."""

    def claim(*references, images=1, shot="full", **columns):
        data = {
            "basePrompt": "a mast",
            "individualImageAttachIds": [{"attachId": id, "type": type_} for id, type_ in references],
            "combinations": [{"angle": "front", "shot": shot, "quantity": images}],
        }
        return job_after(Step.FETCH_JOB, images, job_type="single_batch", data=data, **columns)

    return claim


@pytest.fixture
def made_image(services: MemoryServices, job_after: Bring) -> Bring:
    """A job whose first image is made; further ones wait for their turn."""

    def bring(images: int = 1, answer: bytes = b"picture", **columns: Any) -> UUID:
        services.engine.answer(made(answer))
        return job_after(Step.GENERATE_IMAGE, images, **columns)

    return bring
