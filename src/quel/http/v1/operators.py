"""What operators do beside single jobs: pauses, dead letters, entries that were set aside, and the log."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from quel.core.errors import NotFound
from quel.core.operations.action_log import Action
from quel.core.operations.dead_letters import DeadLetter
from quel.core.paths import PATHS
from quel.core.pipeline import Step
from quel.http.guard import LOOKS, OPERATES, GuardedRoute, needs
from quel.http.services import Services
from quel.http.v1.spans import read_span
from quel.http.v1.wire import Asked, Wire
from quel.operations.action_log import latest_actions
from quel.operations.dead_letters import Chosen, Moved, dead_letters, drop_letters, requeue_letters
from quel.operations.pause import PausedPath, pause, paused_paths, resume
from quel.operations.rejected import Pushed, drop_rejected, push_rejected, rejected_entries

router = APIRouter(route_class=GuardedRoute, tags=["operators"])

_ALL = "all"


class Pauses(Wire):
    """What is paused; a path of null is everything."""

    items: list[PausedPath]


class PauseAsked(Asked):
    """Why, for whoever looks later."""

    why: str = Field("", max_length=500)


@router.get("/pauses")
@needs(LOOKS)
def pauses(services: Services) -> Pauses:
    """What is paused, since when and why."""
    return Pauses(items=paused_paths(services))


@router.put("/pauses/{path}")
@needs(OPERATES)
def set_pause(services: Services, path: str, asked: PauseAsked | None = None) -> Pauses:
    """Let no image of a path begin, or of `all`; what is under way is finished."""
    return Pauses(items=pause(services, _path(path), (asked or PauseAsked()).why))


@router.delete("/pauses/{path}")
@needs(OPERATES)
def lift_pause(services: Services, path: str) -> Pauses:
    """Let images of a path begin again; `all` lifts every pause."""
    return Pauses(items=resume(services, _path(path)))


def _path(name: str) -> str | None:
    if name != _ALL and name not in PATHS:
        raise NotFound(f"There is no path {name[:50]!r}: there are {', '.join(sorted(PATHS))} and all.")
    return None if name == _ALL else name


class Letter(Wire):
    """A message that failed for good."""

    queue: str
    id: str
    actor: str
    job_id: str | None
    image_no: int | None
    retries: int
    died_at: datetime
    error: str | None
    traceback: str | None = None
    """Only where one letter is asked for."""


class Letters(Wire):
    """Dead letters, the oldest first."""

    items: list[Letter]


class LettersAsked(Asked):
    """Which letters are meant: those whose ids begin so, those of a queue, or all."""

    ids: list[Annotated[str, Field(min_length=6, max_length=64)]] = Field([], max_length=1_000)
    queue: Step | None = None
    all: bool = False

    def chosen(self) -> Chosen:
        """The same for the operation."""
        return Chosen(self.ids, self.queue, self.all)


@router.get("/dead-letters")
@needs(OPERATES)
def list_of_letters(services: Services, queue: Step | None = None) -> Letters:
    """Messages that failed for good."""
    return Letters(items=[_letter(each) for each in dead_letters(services, Chosen((), queue, queue is None))])


@router.get("/dead-letters/{letter_id}")
@needs(OPERATES)
def one_letter(services: Services, letter_id: str) -> Letter:
    """One of them, with the traceback of its last retry."""
    (found,) = dead_letters(services, Chosen([letter_id]))
    return _letter(found).model_copy(update={"traceback": found.traceback})


@router.post("/dead-letters/requeue")
@needs(OPERATES)
def requeue(services: Services, asked: LettersAsked) -> Moved:
    """Send dead letters again, as new."""
    return requeue_letters(services, asked.chosen())


@router.post("/dead-letters/drop")
@needs(OPERATES)
def drop(services: Services, asked: LettersAsked) -> Moved:
    """Forget dead letters."""
    return drop_letters(services, asked.chosen())


@router.delete("/dead-letters/{letter_id}")
@needs(OPERATES)
def drop_one(services: Services, letter_id: str) -> Moved:
    """Forget one of them."""
    return drop_letters(services, Chosen([letter_id]))


def _letter(letter: DeadLetter) -> Letter:
    told = {name: value for name, value in asdict(letter).items() if name in Letter.model_fields}
    return Letter(**told | {"error": letter.error, "traceback": None})


class Entry(Wire):
    """An entry of a list that was no job: its beginning, and the job's id where it is one."""

    at: str
    source: str
    reason: str
    size_bytes: int
    entry: str
    job_id: UUID | None


class Entries(Wire):
    """What was set aside, the oldest first."""

    items: list[Entry]


class Dropped(Wire):
    """How many are gone."""

    dropped: int


@router.get("/set-aside")
@needs(OPERATES)
def set_aside(services: Services) -> Entries:
    """What ingest set aside: junk, and ids of no job."""
    return Entries(
        items=[
            Entry(**{name: getattr(each, name) for name in Entry.model_fields})
            for each in rejected_entries(services)
        ]
    )


@router.post("/set-aside/push")
@needs(OPERATES)
def push_set_aside(services: Services) -> Pushed:
    """Push those that are job ids again."""
    return push_rejected(services)


@router.delete("/set-aside")
@needs(OPERATES)
def drop_set_aside(services: Services) -> Dropped:
    """Forget all of them."""
    return Dropped(dropped=drop_rejected(services))


class Actions(Wire):
    """Acts, the latest first."""

    items: list[Action]


@router.get("/actions")
@needs(OPERATES)
def actions(
    services: Services,
    since: Annotated[str | None, Query(max_length=10)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Actions:
    """Who did what, from where, and how it ended."""
    span = read_span(since) if since else None
    return Actions(items=latest_actions(services, since=span, most=limit))
