from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from quel.observe import events
from quel.observe.counting import begin_run, count, end_run
from quel.observe.events import Event, emit, subscribe
from quel.observe.logs import log_context


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events, "_observers", [])
    subscribe(count)
    yield
    end_run()


class Growth:
    """How much a sample has grown since this was made."""

    def __init__(self, sample: str, **labels: str) -> None:
        self._sample, self._labels = sample, labels
        self._before = self._now()

    def _now(self) -> float:
        return REGISTRY.get_sample_value(self._sample, self._labels) or 0.0

    @property
    def by(self) -> float:
        return round(self._now() - self._before, 6)


def test_a_stored_image_is_counted_with_its_credits_for_the_path_of_the_block() -> None:
    stored = Growth("quel_images_total", path="beauty", outcome="stored", reason="")
    credits = Growth("quel_credits_taken_total", path="beauty")
    with log_context(path="beauty"):
        emit(Event.IMAGE_STORED, attach_id=1, bytes=10, credits=5, balance=20)
    assert (stored.by, credits.by) == (1, 5)


def test_a_job_that_is_passed_on_is_counted_by_its_kind() -> None:
    forwarded = Growth("quel_jobs_forwarded_total", kind="video")
    emit(Event.JOB_FORWARDED, kind="video", list="jobs:go")
    assert forwarded.by == 1


def test_every_paid_call_adds_its_cost_and_its_seconds() -> None:
    calls = Growth("quel_provider_calls_total", path="eats", engine="gemini", status="made", code="")
    cost = Growth("quel_provider_cost_dollars_total", path="eats", engine="gemini")
    seconds = Growth("quel_provider_call_duration_seconds_sum", path="eats", engine="gemini", status="made")
    emit(Event.PROVIDER_ANSWERED, path="eats", status="made", code=None, seconds=7.5, cost_usd=0.0336)
    assert (calls.by, cost.by, seconds.by) == (1, 0.0336, 7.5)


def test_a_failing_call_is_counted_by_its_code_and_costs_nothing() -> None:
    calls = Growth(
        "quel_provider_calls_total", path="eats", engine="gemini", status="transient", code="overloaded"
    )
    cost = Growth("quel_provider_cost_dollars_total", path="eats", engine="gemini")
    emit(Event.PROVIDER_ANSWERED, path="eats", status="transient", code="overloaded", seconds=1, cost_usd=0.0)
    assert (calls.by, cost.by) == (1, 0)


def test_a_payer_who_runs_dry_fails_all_the_images_that_were_left() -> None:
    failed = Growth("quel_images_total", path="fashion", outcome="failed", reason="ran_dry")
    emit(Event.IMAGE_FAILED, path="fashion", code="ran_dry", reason="…", images=7)
    assert failed.by == 7


def test_a_refused_job_counts_its_images_as_failed_for_the_reason_of_the_refusal() -> None:
    refused = Growth("quel_jobs_refused_total", path="fashion", code="no_credit")
    failed = Growth("quel_images_total", path="fashion", outcome="failed", reason="no_credit")
    emit(Event.JOB_REFUSED, path="fashion", code="no_credit", reason="…", images=4)
    assert (refused.by, failed.by) == (1, 4)


@pytest.mark.parametrize(
    ("outcome", "cancelled"), [("user_cancelled", 5), ("completed", 0)], ids=["cancelled", "completed"]
)
def test_the_images_a_cancelled_job_did_not_make_count_as_cancelled(outcome: str, cancelled: int) -> None:
    jobs = Growth("quel_jobs_total", path="cinema", outcome=outcome)
    images = Growth("quel_images_total", path="cinema", outcome="cancelled", reason="")
    emit(
        Event.JOB_FINISHED,
        path="cinema", outcome=outcome, images=2, failed=1, planned=8, seconds=3.0, credits=10,
    )  # fmt: skip
    assert (jobs.by, images.by) == (1, cancelled)


def test_a_path_nobody_knows_becomes_no_label_of_its_own() -> None:
    unknown = Growth("quel_image_retries_total", path="unknown", reason="timeout")
    emit(Event.IMAGE_RETRIED, path="whatever a customer wrote", code="timeout")
    assert unknown.by == 1


def test_a_run_of_a_stage_belongs_to_the_path_its_events_speak_of() -> None:
    run = begin_run("persist_output")
    assert run.path == "unknown"
    emit(Event.IMAGE_STORED, path="cartoon", attach_id=1, bytes=1, credits=5, balance=1)
    emit(Event.PROCESS_STARTED)
    assert run.path == "cartoon"


@pytest.mark.parametrize("event", [Event.ADMISSION_TROUBLE, Event.LEASES_TROUBLE, Event.ACTOR_FAILED])
def test_trouble_is_counted_by_event(event: Event) -> None:
    troubles = Growth("quel_troubles_total", event=event.value)
    emit(event, code="neighbour_down", reason="…")
    assert troubles.by == 1


def test_counting_that_fails_stops_nothing_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event, told: Any) -> None:
        raise OSError("no space left")

    subscribe(broken)
    stored = Growth("quel_images_total", path="beauty", outcome="stored", reason="")
    emit(Event.IMAGE_STORED, path="beauty", attach_id=1, bytes=1, credits=5, balance=1)
    assert stored.by == 1
