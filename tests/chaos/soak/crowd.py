"""The customers of a soak: they order, show poison, push twice, cancel, run out of credits, and push junk."""

import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg2
import redis

from quel.sandbox.studio import Studio
from tests.unit.test_imaging_memory import chunk, coded_larger_than_said, png

T = TypeVar("T")

PATHS = ("fashion", "beauty", "eats", "cinema", "cartoon", None)
LISTS = ("jobs:queue", "quel_jobs_queue")
JUNK = (b"", b"not a job id", b"\x00\xff\xfe", b'{"job_id": 1}', b"x" * 300_000)
POISON = {"bomb.png": 0.02, "lie.tif": 0.02}  # of the references
SECRET_WORDS = "zebra-umbrella-prompt"


@dataclass
class Customer:
    """Who orders: a member, perhaps for an organization."""

    member: UUID
    org: UUID | None
    rich: bool


@dataclass
class Crowd:
    """Orders made so far. `markers` maps jobs to the word in their prompts."""

    studio: Studio
    dice: random.Random
    customers: list[Customer] = field(default_factory=list)
    starting_credits: dict[UUID, int] = field(default_factory=dict)
    markers: dict[UUID, str] = field(default_factory=dict)
    ordered_images: int = 0
    pushes: int = 0
    cancels: int = 0
    junk: int = 0
    poison: dict[str, int] = field(default_factory=dict)

    def move_in(self) -> None:
        """Members and organizations; one of each has little."""
        for credits in (100_000, 100_000, 60):
            member = self.studio.member(credits)
            self.starting_credits[member] = credits
            self.customers.append(Customer(member, None, rich=credits > 1_000))
        for credits in (100_000, 120):
            member = self.studio.member(0)
            org = self.studio.organization(member, credits)
            self.starting_credits |= {member: 0, org: credits}
            self.customers.append(Customer(member, org, rich=credits > 1_000))
        for name in ("brick.png", "grass.png", "rocket.jpg"):
            self.studio.photograph(name)
        bomb = png(10_000, 15_000, chunk(b"IDAT", zlib.compress(bytes(150_000_000), 9)))
        self.poison["bomb.png"] = self.studio.attach(bomb, "bomb.png")
        self.poison["lie.tif"] = self.studio.attach(coded_larger_than_said("TIFF"), "lie.tif")

    def order(self) -> None:
        """One job of any kind, pushed once or more, perhaps cancelled a moment later."""
        images = self.dice.randint(1, 8)
        job_type, input_data = self._input(images)
        rich = self.dice.random() < 0.85
        customer = self.dice.choice([each for each in self.customers if each.rich is rich])
        path = self.dice.choice(PATHS)
        job_id = persist(
            lambda: self.studio.job(
                job_type,
                input_data,
                total_images=images,
                member=customer.member,
                org=customer.org,
                path=path,
            )
        )
        self.markers[job_id] = self._marker
        self.ordered_images += images
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            queue = self.dice.choice(LISTS)
            persist(partial(self.studio.push, job_id, queue=queue))
            self.pushes += 1
        if self.dice.random() < 0.2:
            queue, junk = self.dice.choice(LISTS), self.dice.choice(JUNK)
            persist(lambda: self.studio.redis.lpush(queue, junk))
            self.junk += 1

    def cancel_one(self) -> None:
        """By key or in the row, whatever stage the job is at."""
        job_id = self.dice.choice(list(self.markers))
        self.cancels += 1
        if self.dice.random() < 0.5:
            persist(lambda: self.studio.cancel(job_id))
        else:
            statement = (
                "UPDATE quel_production_jobs SET job_status = 'user_cancelled'"
                " WHERE job_id = %s AND job_status IN ('pending', 'processing')"
            )
            persist(lambda: self.studio.rows(statement, job_id))

    def push_again(self) -> None:
        """A second message for any job."""
        job_id = self.dice.choice(list(self.markers))
        persist(lambda: self.studio.push(job_id))
        self.pushes += 1

    def _input(self, images: int) -> tuple[str, dict[str, Any]]:
        self._marker = uuid4().hex
        words = f"{SECRET_WORDS} {self._marker}"
        garments = self._references()
        match self.dice.randrange(5):
            case 0:
                combination = {"angle": "front", "shot": "full", "quantity": images}
                return "single_batch", {
                    "basePrompt": words,
                    "individualImageAttachIds": garments,
                    "combinations": [combination],
                    "aspect-ratio": self.dice.choice(("16:9", "1:1", "9:16")),
                }
            case 1:
                first = (images + 1) // 2
                stages = [
                    {"stage_index": index, "prompt": words, "quantity": quantity, **_given(garments)}
                    for index, quantity in enumerate((first, images - first))
                ]
                return "pipeline_stage", {"stages": stages}
            case 2:
                return "simple_general", {"prompt": words, "uploadedAttachIds": garments}
            case 3:
                portraits = [
                    {"mergedAttachId": self._photograph(), "wrappingPrompt": words, "photoIndex": number}
                    for number in range(images)
                ]
                return "simple_portrait", {"mergedImages": portraits, "basePrompt": words}
            case _:
                return "single_batch", {
                    "prompt": words,
                    "mergedImageAttachId": self._photograph(),
                    "quantity": images,
                }

    def _references(self) -> list[dict[str, Any]]:
        kinds = self.dice.choice((("none",), ("background",), ("none", "none"), ()))
        return [{"attachId": self._photograph(), "type": kind} for kind in kinds]

    def _photograph(self) -> int:
        for name, share in POISON.items():
            if self.dice.random() < share:
                return self.poison[name]
        return self.studio.photograph(self.dice.choice(("brick.png", "grass.png", "rocket.jpg")))


def _given(garments: list[dict[str, Any]]) -> dict[str, Any]:
    return {"individualImageAttachIds": garments}


def persist(work: Callable[[], T]) -> T:
    """The front end tries again while a server is restarted."""
    until = time.monotonic() + 60
    while True:
        try:
            return work()
        except (psycopg2.OperationalError, psycopg2.InterfaceError, redis.RedisError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
