"""Traces: one a job, whose trace id is the job's id, so that whoever has the id has the trace.

A span is written from the events of a run: no stage knows of it, no message carries it, and what a job
goes through after a lost message, a restart or a sweep is still found in its one trace. Off unless
OpenTelemetry's own variables name a collector; those variables configure everything else too.
"""

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from quel.observe.events import Event


class SpanName(StrEnum):
    """Every span quel writes beside those of the actors, which bear the actors' names."""

    JOB = "job"
    PROVIDER_CALL = "provider call"


ENDED_BY = {Event.JOB_FINISHED: SpanName.JOB, Event.PROVIDER_ANSWERED: SpanName.PROVIDER_CALL}
"""Spans end with an event that tells in `seconds` how long they took."""


@dataclass(frozen=True)
class Told:
    """An event as it happened: nanoseconds since the epoch, and its fields."""

    event: Event
    at_ns: int
    fields: Mapping[str, Any]


@dataclass
class Run:
    """One run of an actor; `queued_s` is the time its message waited."""

    actor: str
    queued_s: float
    began_ns: int = field(default_factory=time.time_ns)
    told: list[Told] = field(default_factory=list)

    def by_job(self) -> dict[UUID, list[Told]]:
        """What was told, by the job it was about: one run of generate_image may work for another job."""
        jobs: dict[UUID, list[Told]] = {}
        for told in self.told:
            if (job_id := told.fields.get("job_id")) is not None:
                jobs.setdefault(UUID(str(job_id)), []).append(told)
        return jobs


_run: ContextVar[Run | None] = ContextVar("traced_run", default=None)


def begin_run(actor: str, queued_s: float) -> None:
    """From here on this thread's events belong to a run of `actor`."""
    _run.set(Run(actor, queued_s))


def end_run() -> Run | None:
    """The run that has ended, with what it told; None where none was begun."""
    run = _run.get()
    _run.set(None)
    return run


def note(event: Event, told: Mapping[str, Any]) -> None:
    """Keeps an event for the span of the run it happened in."""
    run = _run.get()
    if run is not None:
        run.told.append(Told(event, time.time_ns(), dict(told)))
