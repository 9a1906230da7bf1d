"""The actors: each takes ids, runs its step, and sends what it asks for once the rows are committed."""

from collections.abc import Callable
from uuid import UUID

import dramatiq
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage
from periodiq import cron

from quel.actors.runtime import runtime
from quel.adapters.redis.messages import send
from quel.core.errors import QuelError
from quel.core.pipeline import WHOEVER, Step, StepMessage
from quel.environment import settings
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.operations.audit_runs import make_next_audit
from quel.operations.bulk import work_off_one
from quel.operations.services import OperatorServices
from quel.stages.deliver_webhook import deliver_webhook as deliver
from quel.stages.fetch_job import UnknownJob
from quel.stages.fetch_job import fetch_job as fetch
from quel.stages.finalize_job import finalize_job as finalize
from quel.stages.generate_image import generate_image as generate
from quel.stages.persist_output import persist_output as persist
from quel.stages.prepare_inputs import prepare_inputs as prepare
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs as sweep

_MINUTE_MS = 60_000
_UNKNOWN_JOB_TRIES = 3  # a message may overtake the row it speaks of by a moment


@dramatiq.actor(queue_name=Step.FETCH_JOB, priority=20, max_retries=8, time_limit=5 * _MINUTE_MS)
def fetch_job(job_id: str) -> None:
    """Reads, validates and claims a job."""
    try:
        _run(lambda: fetch(runtime.services, UUID(job_id)), job_id)
    except UnknownJob:
        if _retries() < _UNKNOWN_JOB_TRIES:
            raise Retry("There is no such job yet.", delay=500 * 2 ** _retries()) from None
        with log_context(job_id=job_id):
            runtime.services.rejected.keep(job_id.encode(), source=Step.FETCH_JOB, reason="unknown job")
            emit(Event.ENTRY_REJECTED, reason="unknown job")


@dramatiq.actor(queue_name=Step.PREPARE_INPUTS, priority=20, max_retries=8, time_limit=15 * _MINUTE_MS)
def prepare_inputs(job_id: str) -> None:
    """For the job whose turn it is: references, what the provider is shown, one message an image."""
    owner = _message_id()
    _run(lambda: prepare(runtime.services, UUID(job_id), owner=owner), job_id)


@dramatiq.actor(
    queue_name=Step.GENERATE_IMAGE,
    priority=30,  # behind the steps that finish what has been paid for
    max_retries=3,
    time_limit=round(settings().longest_call_s * 1000) + 5 * _MINUTE_MS,
)
def generate_image(job_id: str, image_no: int) -> None:
    """One provider call for the image whose turn it is."""
    _run(lambda: generate(runtime.services, UUID(job_id), image_no))


@dramatiq.actor(queue_name=Step.PERSIST_OUTPUT, priority=10, max_retries=12, time_limit=10 * _MINUTE_MS)
def persist_output(job_id: str, image_no: int) -> None:
    """Stores and charges one image."""
    owner, tries = _message_id(), _retries()
    _run(
        lambda: persist(runtime.services, UUID(job_id), image_no, owner=owner, tries=tries), job_id, image_no
    )


@dramatiq.actor(queue_name=Step.FINALIZE_JOB, priority=10, max_retries=8, time_limit=5 * _MINUTE_MS)
def finalize_job(job_id: str) -> None:
    """Closes a job and its production."""
    _run(lambda: finalize(runtime.services, UUID(job_id)), job_id)


@dramatiq.actor(queue_name=Step.DELIVER_WEBHOOK, priority=40, max_retries=3, time_limit=5 * _MINUTE_MS)
def deliver_webhook(job_id: str) -> None:
    """Tells receivers that a job has ended."""
    _run(lambda: deliver(runtime.services, UUID(job_id)), job_id)


@dramatiq.actor(
    queue_name=Step.SWEEP_STUCK_JOBS,
    priority=0,
    max_retries=0,  # the next tick is a minute away
    time_limit=5 * _MINUTE_MS,
    periodic=cron("* * * * *"),
)
def sweep_stuck_jobs() -> None:
    """Looks again at everything that has not moved."""
    _run(lambda: sweep(runtime.services))


@dramatiq.actor(
    queue_name=Step.RUN_BULK,
    priority=40,  # behind whatever a customer waits for
    max_retries=0,  # the next look is a minute away
    time_limit=5 * _MINUTE_MS,
    periodic=cron("* * * * *"),
)
def run_bulk(_: str = str(WHOEVER)) -> None:
    """A batch of what operators ask of many jobs at once."""
    _run(_work_off)


@dramatiq.actor(
    queue_name=Step.RUN_AUDIT,
    priority=50,
    max_retries=0,  # the next look is a minute away
    time_limit=12 * 60 * _MINUTE_MS,
    periodic=cron("* * * * *"),
)
def run_audit(_: str = str(WHOEVER)) -> None:
    """An audit that an operator asked for."""
    _run(_make_audit)


def _make_audit() -> tuple[StepMessage, ...]:
    services = OperatorServices(settings())
    try:
        make_next_audit(services, lambda: not runtime.services.stopping.is_set())
    finally:
        services.close()
    return ()


def _work_off() -> tuple[StepMessage, ...]:
    services = OperatorServices(settings())
    try:
        return (StepMessage(Step.RUN_BULK, WHOEVER),) if work_off_one(services) else ()
    finally:
        services.close()


def _run(
    work: Callable[[], tuple[StepMessage, ...]], job_id: str | None = None, image_no: int | None = None
) -> None:
    """Runs a step; what its neighbours do not let happen now is tried again with growing pauses."""
    with log_context(job_id=job_id, image=image_no):
        try:
            send(dramatiq.get_broker(), work())
        except QuelError as error:
            emit(Event.ACTOR_FAILED, code=error.code, reason=str(error), retries=_retries())
            raise Retry(str(error)) from None


def _message_id() -> str | None:
    message = CurrentMessage.get_current_message()
    return message.message_id if message else None


def _retries() -> int:
    message = CurrentMessage.get_current_message()
    return int(message.options.get("retries", 0)) if message else 0
