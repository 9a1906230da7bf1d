"""One trace a job, as a collector receives it over OTLP."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from quel.sandbox.http_server import LoopbackServer, Reply, Request
from quel.sandbox.servers.ports import free_port
from tests.integration.harness import Pipeline


class Collector:
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self._server = LoopbackServer(self)
        self._server.start()
        self.url = self._server.url
        self.close = self._server.close

    def of(self, job: UUID) -> list[Span]:
        return [span for span in self.spans if span.trace_id == job.bytes]

    def answer(self, request: Request) -> Reply:
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(names["service.name"])
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return Reply()


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


def order(pipeline: Pipeline, images: int) -> UUID:
    prompt = {"prompt": "a harbour nobody must read of", "aspect-ratio": "1:1"}
    member = pipeline.studio.member()
    return pipeline.studio.job("simple_general", prompt, total_images=images, member=member)


def test_a_job_is_one_trace_over_all_its_processes(pipeline: Pipeline, collector: Collector) -> None:
    groups = [
        pipeline.workers(
            "fetch_job", "prepare_inputs", "finalize_job", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url
        ),
        pipeline.workers("generate_image", "persist_output", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url),
    ]
    jobs = [order(pipeline, images=2) for _ in range(3)]
    pipeline.studio.push(*jobs)
    pipeline.studio.wait(jobs)
    assert [group.terminate() for group in groups] == [0, 0]
    for job in jobs:
        spans = collector.of(job)
        assert sorted(span.name for span in spans) == [
            "fetch_job",
            "finalize_job",
            "generate_image",
            "generate_image",
            "job",
            "persist_output",
            "persist_output",
            "prepare_inputs",
            "provider call",
            "provider call",
        ]
        [root] = [span for span in spans if span.name == "job"]
        assert root.parent_span_id == b""
        calls = [span for span in spans if span.name == "provider call"]
        stages = [span for span in spans if span not in [root, *calls]]
        assert {span.parent_span_id for span in stages} == {root.span_id}
        assert {span.parent_span_id for span in calls} == {
            span.span_id for span in stages if span.name == "generate_image"
        }
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
        stored = [event for span in stages for event in span.events if event.name == "image.stored"]
        assert len(stored) == 2
    assert collector.services == {"quel"}
    assert "nobody must read" not in str(collector.spans)


def test_a_collector_that_is_away_stops_nothing(pipeline: Pipeline) -> None:
    workers = pipeline.workers(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    job = order(pipeline, images=1)
    pipeline.studio.push(job)
    assert pipeline.studio.wait([job])[job]["job_status"] == "completed"
    assert workers.terminate() == 0


def test_without_a_collector_nothing_of_the_kind_is_loaded(pipeline: Pipeline) -> None:
    log = pipeline.workers(as_deployed=True, PYTHONPROFILEIMPORTTIME="1").log.read_text()
    assert "quel.observe.metrics" in log
    assert "quel.observe.span_writer" not in log
    assert "opentelemetry.exporter" not in log
