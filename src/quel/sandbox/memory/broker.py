"""Messages and raw lists, in memory: the port Queues, and what a history does to messages."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from quel.core.pipeline import Step, StepMessage
from quel.sandbox.memory.clock import Clock


@dataclass(frozen=True)
class Waiting:
    """A message in the queue: when it is due, its place among those due then, how often it was tried.

    A message that is tried again keeps its `message_id`.
    """

    due_at: datetime
    place: int
    message: StepMessage
    message_id: str
    retries: int = 0


class Broker:
    """First in, first out among what is due, but that generate_image comes behind every other step.

    Nothing is lost unless a history says so.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places = count()
        self._waiting: list[Waiting] = []
        self.foreign: set[UUID] = set()
        """The jobs on other consumers' lists."""

    def send(self, *messages: StepMessage) -> None:
        """Enqueues messages, each due after its own delay."""
        for message in messages:
            place = next(self._places)
            due_at = self._clock.after(message.delay_s)
            self._waiting.append(Waiting(due_at, place, message, message_id=f"message-{place}"))

    def send_again(self, fetched: Waiting, *, delay_s: float) -> None:
        """Enqueues a message that is to be tried again."""
        due_at, retries = self._clock.after(delay_s), fetched.retries + 1
        self._waiting.append(replace(fetched, due_at=due_at, place=next(self._places), retries=retries))

    def fetch(self) -> Waiting | None:
        """Takes the message whose turn it is; the clock goes on to the next one where none is due yet."""
        if not self._waiting:
            return None
        next_due_at = min(waiting.due_at for waiting in self._waiting)
        self._clock.now = max(self._clock.now, next_due_at)
        due = (waiting for waiting in self._waiting if waiting.due_at <= self._clock.now)
        first = min(due, key=_order)
        self._waiting.remove(first)
        return first

    def lose(self, step: Step | None = None) -> int:
        """Loses every message, or those of a step, as a flushed Redis does; how many."""
        kept = [one for one in self._waiting if step not in (None, one.message.step)]
        lost = len(self._waiting) - len(kept)
        self._waiting = kept
        return lost

    def backlog(self, step: Step) -> int:
        """The messages of a step that no worker has fetched."""
        now = self._clock.now
        return sum(one.message.step is step and one.due_at <= now for one in self._waiting)

    def waiting(self, step: Step) -> set[tuple[UUID, int | None]] | None:
        """(job_id, image_no) of the messages that wait for a step or are delayed."""
        messages = (one.message for one in self._waiting)
        return {(message.job_id, message.image_no) for message in messages if message.step is step}

    def jobs_to_fetch(self) -> set[UUID] | None:
        """The jobs on the way to fetch_job."""
        return {job_id for job_id, _ in self.waiting(Step.FETCH_JOB) or ()}

    def foreign_ids(self) -> set[UUID] | None:
        """The jobs on other consumers' lists."""
        return set(self.foreign)


def _order(waiting: Waiting) -> tuple[bool, datetime, int]:
    return waiting.message.step is Step.GENERATE_IMAGE, waiting.due_at, waiting.place
