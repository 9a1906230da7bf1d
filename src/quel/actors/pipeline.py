"""The actors: each takes ids, runs its stage, and sends what it asks for once the rows are committed."""

from collections.abc import Callable, Iterable
from uuid import UUID

import dramatiq
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage
from periodiq import cron
from redis.exceptions import RedisError

from quel.actors.runtime import runtime
from quel.core.errors import NeighbourDown, QuelError
from quel.core.steps import Nudge, Stage
from quel.observe.events import Event, emit
from quel.observe.logs import about
from quel.settings import settings
from quel.stages.fetch_job import UnknownJob
from quel.stages.fetch_job import fetch_job as fetch
from quel.stages.finalize_job import finalize_job as finalize
from quel.stages.generate_image import generate_image as generate
from quel.stages.persist_output import persist_output as persist
from quel.stages.prepare_inputs import prepare_inputs as prepare
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs as sweep

_MINUTE_MS = 60_000
_UNKNOWN_JOB_TRIES = 3  # a message may overtake the row it speaks of by a moment
_PREPARE_RETRIES = 7  # about a minute of pauses before a reference counts as missing


@dramatiq.actor(queue_name=Stage.FETCH_JOB, priority=20, max_retries=8, time_limit=5 * _MINUTE_MS)
def fetch_job(job_id: str) -> None:
    """Reads, validates and claims a job."""
    try:
        _run(lambda: fetch(runtime.world, UUID(job_id)), job_id)
    except UnknownJob:
        if _retries() < _UNKNOWN_JOB_TRIES:
            raise Retry("There is no such job yet.", delay=500 * 2 ** _retries()) from None
        with about(job_id=job_id):
            runtime.world.set_aside.keep(job_id.encode(), source=Stage.FETCH_JOB, reason="unknown job")
            emit(Event.ENTRY_SET_ASIDE, reason="unknown job")


@dramatiq.actor(
    queue_name=Stage.PREPARE_INPUTS, priority=20, max_retries=_PREPARE_RETRIES, time_limit=15 * _MINUTE_MS
)
def prepare_inputs(job_id: str) -> None:
    """Fetches references, draws what the provider is shown, sends one message an image."""
    last_try = _retries() >= _PREPARE_RETRIES
    _run(lambda: prepare(runtime.world, UUID(job_id), last_try=last_try), job_id)


@dramatiq.actor(
    queue_name=Stage.GENERATE_IMAGE,
    priority=30,  # behind the stages that finish what has been paid for
    max_retries=3,
    time_limit=round(settings().gemini_timeout_s * 1000) + 5 * _MINUTE_MS,
)
def generate_image(job_id: str, image_no: int) -> None:
    """One provider call for the image whose turn it is."""
    _run(lambda: generate(runtime.world, UUID(job_id), image_no))


@dramatiq.actor(queue_name=Stage.PERSIST_OUTPUT, priority=10, max_retries=12, time_limit=10 * _MINUTE_MS)
def persist_output(job_id: str, image_no: int) -> None:
    """Stores and charges one image."""
    _run(lambda: persist(runtime.world, UUID(job_id), image_no), job_id, image_no)


@dramatiq.actor(queue_name=Stage.FINALIZE_JOB, priority=10, max_retries=8, time_limit=5 * _MINUTE_MS)
def finalize_job(job_id: str) -> None:
    """Closes a job and its production."""
    _run(lambda: finalize(runtime.world, UUID(job_id)), job_id)


@dramatiq.actor(
    queue_name=Stage.SWEEP_STUCK_JOBS,
    priority=0,
    max_retries=0,  # the next tick is a minute away
    time_limit=5 * _MINUTE_MS,
    periodic=cron("* * * * *"),
)
def sweep_stuck_jobs() -> None:
    """Looks again at everything that has not moved."""
    _run(lambda: sweep(runtime.world))


_ACTORS: dict[Stage, dramatiq.Actor[..., None]] = {
    Stage.FETCH_JOB: fetch_job,
    Stage.PREPARE_INPUTS: prepare_inputs,
    Stage.GENERATE_IMAGE: generate_image,
    Stage.PERSIST_OUTPUT: persist_output,
    Stage.FINALIZE_JOB: finalize_job,
}


def send(nudges: Iterable[Nudge]) -> None:
    """Sends the messages that nudges stand for. Raises NeighbourDown when Redis does not take them."""
    try:
        for nudge in nudges:
            ids = (str(nudge.job_id),) if nudge.image_no is None else (str(nudge.job_id), nudge.image_no)
            delay_ms = round(nudge.delay_s * 1000) or None
            _ACTORS[nudge.stage].send_with_options(args=ids, delay=delay_ms)
    except RedisError as error:
        raise NeighbourDown(f"Redis did not take a message ({type(error).__name__}).") from None


def _run(
    work: Callable[[], tuple[Nudge, ...]], job_id: str | None = None, image_no: int | None = None
) -> None:
    """Runs a stage; what its neighbours do not let happen now is tried again with growing pauses."""
    with about(job_id=job_id, image=image_no):
        try:
            send(work())
        except QuelError as error:
            emit(Event.ACTOR_FAILED, code=error.code, reason=str(error), retries=_retries())
            raise Retry(str(error)) from None


def _retries() -> int:
    message = CurrentMessage.get_current_message()
    return int(message.options.get("retries", 0)) if message else 0
