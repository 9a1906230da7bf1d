"""Streams of events: one poller a process looks at all watched jobs, and tells every listener what is new.

A stream holds neither a thread nor a connection of a pool. It begins with the present state, so whoever comes
again has missed nothing, and a slow reader is told the latest state and not each one before it.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import Any, Generic, TypeVar
from uuid import UUID

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse

from quel.core.errors import QuelError
from quel.core.operations.job_progress import JobProgress, Told, changes
from quel.http.problems import Problem
from quel.observe import metrics
from quel.observe.events import Event, emit

LOOK_EVERY_S = 0.5
PING_EVERY_S = 15.0
MOST_A_TOKEN = 20
MOST_A_PROCESS = 500

MOST_FOLLOWED = 2_000
"""Open jobs that are looked at for those who watch all; beyond it the oldest ones are let go."""

_ENDS_KEPT = 2_000

State = TypeVar("State")
AllJobs = Mapping[UUID, JobProgress]
Read = Callable[[Sequence[UUID]], list[JobProgress]]


class Listener(Generic[State]):
    """One stream's view: the state it has not been told yet. None stands for a job that is gone."""

    def __init__(self, state: State) -> None:
        self.state: State | None = state
        self._news = asyncio.Event()

    def hear(self, state: State | None) -> None:
        """Takes a new state in, and wakes the stream where it is another one."""
        if state != self.state:
            self.state = state
            self._news.set()

    def wake(self) -> None:
        """Lets the stream look around."""
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Whether something came within so many seconds."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Streams:
    """Every stream of this process.

    `of` reads jobs with their images, `open_jobs` the newest open ones and those named. QuelError is borne.
    """

    def __init__(self, of: Read, open_jobs: Read) -> None:
        self._of, self._open_jobs = of, open_jobs
        self._of_job: dict[UUID, set[Listener[JobProgress]]] = {}
        self._of_all: set[Listener[AllJobs]] = set()
        self._all: dict[UUID, JobProgress] = {}
        self._held: Counter[str] = Counter()
        self._thread = anyio.CapacityLimiter(1)  # its own: requests that wait must not hold it up
        self._is_blind = False
        self.is_closing = False

    async def run(self) -> None:
        """Looks twice a second, as long as somebody listens; what cannot be read now is read later."""
        while not self.is_closing:
            began_at = time.monotonic()
            try:
                await self._look()
                self._is_blind = False
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                self._tell_once(error)
            await asyncio.sleep(max(0.0, LOOK_EVERY_S - (time.monotonic() - began_at)))

    def _tell_once(self, error: Exception) -> None:
        if not self._is_blind:
            reason = str(error) if isinstance(error, QuelError) else type(error).__name__
            emit(Event.STREAMS_BLIND, reason=reason)
        self._is_blind = True

    async def _look(self) -> None:
        job_ids = list(self._of_job)
        if job_ids:
            found = {job.job_id: job for job in await self._read(lambda: self._of(job_ids))}
            for job_id in job_ids:
                for listener in self._of_job.get(job_id, ()):
                    listener.hear(found.get(job_id))
        if self._of_all:
            await self._look_at_all()

    async def _look_at_all(self) -> None:
        # By id as well: a job is told of until it is settled, however many younger ones there are by then.
        followed = [job_id for job_id, job in self._all.items() if not job.is_settled][:MOST_FOLLOWED]
        now = {job.job_id: job for job in await self._read(lambda: self._open_jobs(followed))}
        ends = {job_id: job for job_id, job in self._all.items() if job.is_settled and job_id not in now}
        ends |= {job_id: job for job_id, job in now.items() if job.is_settled}
        opened = {job_id: job for job_id, job in now.items() if not job.is_settled}
        self._all = opened | dict(list(ends.items())[-_ENDS_KEPT:])
        for listener in self._of_all:
            listener.hear(self._all)

    async def _read(self, read: Callable[[], list[JobProgress]]) -> list[JobProgress]:
        return await to_thread.run_sync(read, limiter=self._thread)

    @contextmanager
    def listening(self, name: str, job: JobProgress) -> Iterator[Listener[JobProgress]]:
        """A listener of one job, as it stands. Raises Problem (503) where there are too many."""
        listener = Listener(job)
        with self._counted(name):
            listeners = self._of_job.setdefault(job.job_id, set())
            listeners.add(listener)
            try:
                yield listener
            finally:
                listeners.discard(listener)
                if not listeners:
                    self._of_job.pop(job.job_id, None)

    @contextmanager
    def listening_to_all(self, name: str, jobs: Sequence[JobProgress]) -> Iterator[Listener[AllJobs]]:
        """A listener of all open jobs. Raises Problem (503) where there are too many."""
        listener: Listener[AllJobs] = Listener({job.job_id: job for job in jobs})
        with self._counted(name):
            self._of_all.add(listener)
            try:
                yield listener
            finally:
                self._of_all.discard(listener)

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        if self.is_closing or self._held.total() >= MOST_A_PROCESS:
            raise Problem(503, "This server holds as many streams as it can: ask again, or poll the job.")
        if self._held[name] >= MOST_A_TOKEN:
            raise Problem(503, f"This token holds {MOST_A_TOKEN} streams: close one, or poll the job.")
        self._held[name] += 1
        metrics.HTTP_STREAMS.inc()
        try:
            yield
        finally:
            self._held[name] -= 1
            metrics.HTTP_STREAMS.dec()

    def close(self) -> None:
        """Lets every stream say goodbye and end."""
        self.is_closing = True
        listeners: list[Listener[Any]] = [*self._of_all]
        listeners += [listener for watching in self._of_job.values() for listener in watching]
        for listener in listeners:
            listener.wake()


async def tell(
    place: AbstractContextManager[Listener[State]],
    *,
    news: Callable[[State | None, State], Iterator[Told]],
    may_go_on: Callable[[], bool],
) -> AsyncGenerator[bytes, None]:
    """The stream: the present state, then what is new, until its end or until it may not go on."""
    number, told = 0, None
    with place as listener:
        yield b"retry: 2000\n\n"
        while True:
            state = listener.state
            if state is None or not may_go_on():
                yield _event(number, "bye", {})
                return
            for name, data in news(told, state):
                number += 1
                yield _event(number, name, data)
                if name == "end":
                    return
            told = state
            if not await listener.wait(PING_EVERY_S):
                yield b": ping\n\n"


def job_news(before: JobProgress | None, now: JobProgress) -> Iterator[Told]:
    """What is told to somebody who watches one job."""
    return changes(before, now)


def all_news(path: str | None) -> Callable[[AllJobs | None, AllJobs], Iterator[Told]]:
    """What is told to somebody who watches all jobs, of a path or of every one: no ends, no images."""

    def news(before: AllJobs | None, now: AllJobs) -> Iterator[Told]:
        for job_id, job in now.items():
            known = (before or {}).get(job_id)
            if path in (None, job.path) and (before is None or known is not None or not job.is_settled):
                yield from (each for each in changes(known, job) if each[0] == "job")

    return news


def _event(number: int, name: str, data: Mapping[str, Any]) -> bytes:
    moment_ms = int(time.time() * 1000)
    return f"id: {moment_ms}-{number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def stream_of(events: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """The answer that carries them, which no proxy may hold back. Raises what `events` raises first."""
    first = await anext(events)  # so that a stream that may not be is an answer of its own

    async def all_of_them() -> AsyncIterator[bytes]:
        async with aclosing(events):
            yield first
            async for event in events:
                yield event

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(all_of_them(), media_type="text/event-stream", headers=headers)
