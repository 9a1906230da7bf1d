"""Writes runs as OpenTelemetry spans; the only module that knows its SDK.

A run becomes one span in the trace of every job it worked for, with its events on it. The span of the job
itself is the root; its id follows from the job's, so that the others can name it before it is written.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from quel.observe.traces import ENDED_BY, Run, SpanName, Told

_FLUSH_S = 5.0
_ROOT_BITS = (1 << 64) - 1
_NS = 1_000_000_000


class SpanWriter:
    """Sends spans to a collector over OTLP, in batches from a thread of its own."""

    def __init__(self) -> None:
        self._ids = _JobIds()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "quel"}).merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("quel")

    def write(self, run: Run, *, ended_ns: int, failed: str | None) -> None:
        """Writes the spans of a run; `failed` is the name of the exception that ended it."""
        for job_id, told in run.by_job().items():
            within = _trace_of(job_id)
            attributes = {"quel.queued_s": round(run.queued_s, 3), **_shared_fields(told)}
            span = self._tracer.start_span(
                run.actor, within, SpanKind.CONSUMER, attributes, start_time=run.began_ns
            )
            for event in told:
                self._write_event(span, job_id, event)
            if failed is not None:
                span.set_status(StatusCode.ERROR, failed)
            span.end(ended_ns)

    def close(self) -> None:
        """Sends what is left; a collector that does not answer holds up the shutdown by 5 s at most."""
        last = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        last.start()
        last.join(_FLUSH_S)

    def _write_event(self, span: Span, job_id: UUID, told: Told) -> None:
        fields = _attributes(told.fields)
        span.add_event(told.event.value, fields, told.at_ns)
        name = ENDED_BY.get(told.event)
        if name is None:
            return
        began_ns = told.at_ns - round(told.fields["seconds"] * _NS)
        if name is SpanName.JOB:
            with self._ids.of_root(job_id):
                ended = self._tracer.start_span(name, Context(), attributes=fields, start_time=began_ns)
        else:
            within = set_span_in_context(span)
            ended = self._tracer.start_span(name, within, SpanKind.CLIENT, fields, start_time=began_ns)
        ended.end(told.at_ns)


class _JobIds(RandomIdGenerator):
    """Random ids, but for a job's root span, whose ids are the job's own."""

    def __init__(self) -> None:
        self._root: ContextVar[UUID | None] = ContextVar("root", default=None)

    @contextmanager
    def of_root(self, job_id: UUID) -> Iterator[None]:
        token = self._root.set(job_id)
        try:
            yield
        finally:
            self._root.reset(token)

    def generate_trace_id(self) -> int:
        job_id = self._root.get()
        return super().generate_trace_id() if job_id is None else job_id.int

    def generate_span_id(self) -> int:
        job_id = self._root.get()
        return super().generate_span_id() if job_id is None else _root_span_id(job_id)


def _root_span_id(job_id: UUID) -> int:
    return job_id.int & _ROOT_BITS


def _trace_of(job_id: UUID) -> Context:
    """The context of a job's root span, which is written last, when the job has ended."""
    root = SpanContext(
        job_id.int, _root_span_id(job_id), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return set_span_in_context(NonRecordingSpan(root), Context())


def _shared_fields(told: Sequence[Told]) -> dict[str, Any]:
    """What every event of the run says alike: its job, path, image."""
    first, *others = (told_one.fields for told_one in told)
    shared = {
        name: value for name, value in first.items() if all(other.get(name) == value for other in others)
    }
    return _attributes(shared)


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f"quel.{name}": value for name, value in fields.items() if isinstance(value, str | int | float)}
