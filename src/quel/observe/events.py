"""Every event quel logs, by name; and the one function that logs them.

Fields are numbers, ids and reasons. No prompt, secret or personal data is ever one of them. Whoever wants
to count events subscribes: the metrics do, so that a stage says what happened once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import structlog
from structlog.contextvars import get_contextvars

_log = structlog.get_logger("quel")


class Event(StrEnum):
    """An event's dotted name."""

    LIST_WATCHED = "ingest.list_watched"
    JOB_RECEIVED = "ingest.job_received"
    ENTRY_REJECTED = "ingest.entry_rejected"
    INGEST_TROUBLE = "ingest.trouble"
    INGEST_RESCUED = "ingest.rescued"
    JOB_FETCHED = "job.fetched"
    JOB_REFUSED = "job.refused"
    JOB_IGNORED = "job.ignored"
    JOB_PARKED = "job.parked"
    JOB_FORWARDED = "job.forwarded"
    PATH_FALLBACK = "job.path_fallback"
    INPUT_REPLACED = "job.input_replaced"
    PLAN_MADE = "job.plan_made"
    STAGE_STARTED = "stage.started"
    STAGE_FINISHED = "stage.finished"
    REFERENCE_FETCHED = "reference.fetched"
    REFERENCE_LEFT_OUT = "reference.left_out"
    INPUTS_PREPARED = "inputs.prepared"
    INPUTS_LOST = "inputs.lost"
    INPUTS_POSTPONED = "inputs.postponed"
    INPUTS_WAIT = "inputs.wait"
    PROVIDER_CALLED = "provider.called"
    PROVIDER_ANSWERED = "provider.answered"
    PROVIDER_WAITING = "provider.waiting"
    PROVIDER_NEEDS_OPERATOR = "provider.needs_operator"
    STORAGE_NEEDS_OPERATOR = "storage.needs_operator"
    IMAGE_RETRIED = "image.retried"
    IMAGE_REROUTED = "image.rerouted"
    TAKE_KEPT = "take.kept"
    TAKE_SPOILT = "take.spoilt"
    TAKE_UNCHECKED = "take.unchecked"
    IMAGE_MADE = "image.made"
    IMAGE_UNKEPT = "image.unkept"
    IMAGE_POSTPONED = "image.postponed"
    IMAGE_STORED = "image.stored"
    IMAGE_STORED_AT_ONCE = "image.stored_at_once"
    IMAGE_UNPAYABLE = "image.unpayable"
    IMAGE_FAILED = "image.failed"
    IMAGE_DROPPED = "image.dropped"
    IMAGE_BYTES_LOST = "image.bytes_lost"
    PROGRESS = "job.progress"
    IDS_MERGED = "job.ids_merged"
    JOB_FINISHED = "job.finished"
    JOB_WITHDRAWN = "job.withdrawn"
    JOB_CANCELLED = "job.cancelled"
    JOB_RECOVERED = "sweep.recovered"
    SWEEP_DONE = "sweep.done"
    WEBHOOK_DELIVERED = "webhook.delivered"
    WEBHOOK_FAILED = "webhook.failed"
    WEBHOOK_GIVEN_UP = "webhook.given_up"
    LEASES_TROUBLE = "leases.trouble"
    ADMISSION_TROUBLE = "admission.trouble"
    REDIS_MEMORY = "redis.memory"
    PROCESS_STARTED = "process.started"
    PROCESS_STOPPED = "process.stopped"
    HTTP_PORT_OPENED = "http.port_opened"
    HTTP_PORT_TAKEN = "http.port_taken"
    REQUEST_ANSWERED = "api.request_answered"
    REQUEST_FAILED = "api.request_failed"
    RATE_UNCHECKED = "api.rate_unchecked"
    TOKENS_UNREADABLE = "api.tokens_unreadable"
    LEGACY_OPEN = "api.legacy_open"
    ACTOR_FAILED = "actor.failed"
    MESSAGE_DEAD = "actor.message_dead"
    UNCOUNTED = "metrics.uncounted"


_WARNINGS = frozenset(
    {
        Event.ENTRY_REJECTED,
        Event.INGEST_TROUBLE,
        Event.INGEST_RESCUED,
        Event.JOB_REFUSED,
        Event.PATH_FALLBACK,
        Event.INPUT_REPLACED,
        Event.REFERENCE_LEFT_OUT,
        Event.INPUTS_LOST,
        Event.INPUTS_WAIT,
        Event.IMAGE_RETRIED,
        Event.IMAGE_REROUTED,
        Event.TAKE_SPOILT,
        Event.TAKE_UNCHECKED,
        Event.IMAGE_UNKEPT,
        Event.IMAGE_POSTPONED,
        Event.INPUTS_POSTPONED,
        Event.IMAGE_STORED_AT_ONCE,
        Event.REDIS_MEMORY,
        Event.IMAGE_UNPAYABLE,
        Event.JOB_WITHDRAWN,
        Event.IMAGE_FAILED,
        Event.IMAGE_BYTES_LOST,
        Event.JOB_RECOVERED,
        Event.WEBHOOK_FAILED,
        Event.WEBHOOK_GIVEN_UP,
        Event.LEASES_TROUBLE,
        Event.ADMISSION_TROUBLE,
        Event.HTTP_PORT_TAKEN,
        Event.ACTOR_FAILED,
        Event.RATE_UNCHECKED,
        Event.LEGACY_OPEN,
    }
)
_ERRORS = frozenset(
    {
        Event.PROVIDER_NEEDS_OPERATOR,
        Event.STORAGE_NEEDS_OPERATOR,
        Event.MESSAGE_DEAD,
        Event.UNCOUNTED,
        Event.REQUEST_FAILED,
        Event.TOKENS_UNREADABLE,
    }
)

Observer = Callable[[Event, Mapping[str, Any]], None]
"""Hears each event with its fields and those of the block it happened in (`observe.logs.log_context`)."""

_observers: list[Observer] = []


def subscribe(observer: Observer) -> None:
    """Lets `observer` hear every event of this process from now on; twice is the same as once."""
    if observer not in _observers:
        _observers.append(observer)


@contextmanager
def hearing(observer: Observer) -> Iterator[None]:
    """Lets `observer` hear every event of this process for the block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def emit(event: Event, **fields: Any) -> None:
    """Logs an event with its fields, at the level the event deserves, and tells the observers."""
    for observer in _observers:
        try:
            observer(event, get_contextvars() | fields)
        except Exception as error:  # noqa: BLE001 - counting must never stop what is counted
            _log.error(Event.UNCOUNTED.value, uncounted=event.value, error=type(error).__name__)
    match level_of(event):
        case "error":
            _log.error(event.value, **fields)
        case "warning":
            _log.warning(event.value, **fields)
        case _:
            _log.info(event.value, **fields)


def level_of(event: Event) -> str:
    """The level an event is logged at: info, warning or error."""
    if event in _ERRORS:
        return "error"
    return "warning" if event in _WARNINGS else "info"
