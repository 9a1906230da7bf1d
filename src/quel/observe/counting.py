"""What each event means in metrics: the one place where the two meet."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from quel.core.engines import GEMINI
from quel.core.job import JobStatus
from quel.core.paths import PATHS
from quel.core.takes import Reason
from quel.observe import metrics
from quel.observe.events import Event

Fields = Mapping[str, Any]

UNKNOWN = "unknown"


@dataclass
class ActorRun:
    """One run of an actor; its path is the last one an event of the run spoke of."""

    actor: str
    path: str = UNKNOWN


_run: ContextVar[ActorRun | None] = ContextVar("actor_run", default=None)


def begin_run(actor: str) -> ActorRun:
    """Starts to note which path this thread works for."""
    run = ActorRun(actor)
    _run.set(run)
    return run


def end_run() -> None:
    """Stops it."""
    _run.set(None)


def count(event: Event, told: Fields) -> None:
    """Counts an event; `told` holds its fields and those of the block it happened in."""
    path = _path(told)
    run = _run.get()
    if run is not None and path != UNKNOWN:
        run.path = path
    meaning = _MEANINGS.get(event)
    if meaning is not None:
        meaning(path, told)
    elif event in _TROUBLES:
        metrics.TROUBLES.labels(event.value).inc()


def _path(told: Fields) -> str:
    path = str(told.get("path"))
    return path if path in PATHS else UNKNOWN  # a label must not grow with what customers write


def _engine(told: Fields) -> str:
    return str(told.get("engine", GEMINI))


def _job_finished(path: str, told: Fields) -> None:
    outcome = told["outcome"]
    metrics.JOBS.labels(path, outcome).inc()
    metrics.JOB_SECONDS.labels(path, outcome).observe(told["seconds"])
    cancelled = told["planned"] - told["images"] - told["failed"]
    if outcome == JobStatus.USER_CANCELLED and cancelled > 0:
        metrics.IMAGES.labels(path, "cancelled", "").inc(cancelled)


def _job_refused(path: str, told: Fields) -> None:
    metrics.JOBS_REFUSED.labels(path, told["code"]).inc()
    metrics.IMAGES.labels(path, "failed", told["code"]).inc(told["images"])


def _provider_answered(path: str, told: Fields) -> None:
    status, engine = told["status"], _engine(told)
    metrics.PROVIDER_CALLS.labels(path, engine, status, told["code"] or "").inc()
    metrics.PROVIDER_SECONDS.labels(path, engine, status).observe(told["seconds"])
    metrics.PROVIDER_COST.labels(path, engine).inc(told["cost_usd"])


def _image_stored(path: str, told: Fields) -> None:
    metrics.IMAGES.labels(path, "stored", "").inc()
    metrics.CREDITS.labels(path).inc(told["credits"])


def _take_kept(path: str, told: Fields) -> None:
    for fault in told["faults"] or ("",):
        metrics.TAKES.labels(path, "warned" if fault else "kept", fault).inc()
    _take_seen(told)


def _take_spoilt(path: str, told: Fields) -> None:
    metrics.TAKES.labels(path, told["verdict"], told["reason"]).inc()
    metrics.REROLL_COST.labels(path).inc(told["cost_usd"])
    _take_seen(told)


def _take_seen(told: Fields) -> None:
    metrics.TAKE_SECONDS.observe(told["seconds"])
    for reason, score in told["scores"].items():
        if reason != Reason.SIZE:  # pixels
            metrics.TAKE_SCORE.labels(reason).observe(score)


def _webhook_failed(_: str, told: Fields) -> None:
    metrics.WEBHOOK_TRIES.labels("failed", told["reason"]).inc()


def _webhook_given_up(path: str, told: Fields) -> None:
    _webhook_failed(path, told)
    metrics.WEBHOOKS_GIVEN_UP.labels(told["reason"]).inc()


def _request_answered(_: str, told: Fields) -> None:
    method = told["method"] if told["method"] in _METHODS else UNKNOWN
    metrics.HTTP_REQUESTS.labels(method, told["route"], str(told["status"])).inc()
    if not told["route"].endswith("/events"):
        metrics.HTTP_SECONDS.labels(told["route"]).observe(told["seconds"])


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

_MEANINGS: dict[Event, Callable[[str, Fields], None]] = {
    Event.JOB_RECEIVED: lambda _, told: metrics.JOBS_RECEIVED.labels(told["list"]).inc(),
    Event.ENTRY_REJECTED: lambda _, told: metrics.ENTRIES_REJECTED.labels(told["reason"]).inc(),
    Event.INGEST_RESCUED: lambda _, told: metrics.INGEST_RESCUED.labels(told["list"]).inc(told["entries"]),
    Event.JOB_REFUSED: _job_refused,
    Event.REQUEST_ANSWERED: _request_answered,
    Event.RATE_UNCHECKED: lambda *_: metrics.HTTP_RATE_UNCHECKED.inc(),
    Event.JOB_FORWARDED: lambda _, told: metrics.JOBS_FORWARDED.labels(told["kind"]).inc(),
    Event.JOB_FINISHED: _job_finished,
    Event.JOB_RECOVERED: lambda _, told: metrics.JOBS_RECOVERED.labels(told["cause"]).inc(),
    Event.REFERENCE_FETCHED: lambda path, _: metrics.REFERENCES.labels(path, "fetched").inc(),
    Event.REFERENCE_LEFT_OUT: lambda path, _: metrics.REFERENCES.labels(path, "left_out").inc(),
    Event.PROVIDER_ANSWERED: _provider_answered,
    Event.STORAGE_NEEDS_OPERATOR: lambda _, told: metrics.STORAGE_FAULTS.labels(told["reason"]).inc(),
    Event.PROVIDER_WAITING: lambda _, told: metrics.QUOTA_WAITS.labels(_engine(told), told["quota"]).inc(),
    Event.TAKE_KEPT: _take_kept,
    Event.TAKE_SPOILT: _take_spoilt,
    Event.TAKE_UNCHECKED: lambda path, told: metrics.TAKES_UNCHECKED.labels(path, told["code"]).inc(),
    Event.IMAGE_STORED: _image_stored,
    Event.IMAGE_FAILED: lambda path, told: metrics.IMAGES.labels(path, "failed", told["code"]).inc(
        told.get("images", 1)
    ),
    Event.IMAGE_DROPPED: lambda path, _: metrics.IMAGES_DROPPED.labels(path).inc(),
    Event.IMAGE_RETRIED: lambda path, told: metrics.IMAGE_RETRIES.labels(path, told["code"]).inc(),
    Event.IMAGE_REROUTED: lambda _, told: metrics.IMAGES_REROUTED.labels(
        told["source"], told["target"], told["reason"]
    ).inc(),
    Event.WEBHOOK_DELIVERED: lambda _, __: metrics.WEBHOOK_TRIES.labels("delivered", "").inc(),
    Event.WEBHOOK_FAILED: _webhook_failed,
    Event.WEBHOOK_GIVEN_UP: _webhook_given_up,
    Event.MESSAGE_DEAD: lambda _, told: metrics.DEAD_LETTERS.labels(told["actor"]).inc(),
}

_TROUBLES = frozenset(
    {
        Event.INGEST_TROUBLE,
        Event.INPUTS_LOST,
        Event.INPUTS_POSTPONED,
        Event.IMAGE_POSTPONED,
        Event.IMAGE_UNKEPT,
        Event.IMAGE_BYTES_LOST,
        Event.LEASES_TROUBLE,
        Event.ADMISSION_TROUBLE,
        Event.ACTOR_FAILED,
    }
)
