"""The peer: the same stage functions run by Celery 5 on Redis, with a thread pool and late acknowledgement.

Everything below the stages is quel's own; only the machinery that carries messages differs. Started as
`celery -A bench.celery_worker worker`, with the broker's URL in QUEL_BENCH_CELERY_BROKER.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import redis
from celery import Celery, signals

from quel.actors.doorbell import Doorbell
from quel.actors.lease_keeper import LeaseKeeper
from quel.core.errors import QuelError
from quel.core.steps import Nudge, Stage
from quel.observe.logs import about, configure_logs
from quel.settings import settings
from quel.stages.fetch_job import fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.generate_image import generate_image
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import prepare_inputs
from quel.wiring import World

QUEUES = tuple(stage.value for stage in Stage if stage is not Stage.SWEEP_STUCK_JOBS)
_BROKER = os.environ["QUEL_BENCH_CELERY_BROKER"]
_STAGES: dict[Stage, Callable[..., tuple[Nudge, ...]]] = {
    Stage.FETCH_JOB: fetch_job,
    Stage.PREPARE_INPUTS: prepare_inputs,
    Stage.GENERATE_IMAGE: generate_image,
    Stage.PERSIST_OUTPUT: persist_output,
    Stage.FINALIZE_JOB: finalize_job,
}
_SPARE_CONNECTIONS = 3  # as in quel's own runtime

app = Celery("bench", broker=_BROKER)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


class _Process:
    world: World


@app.task(name="stage", autoretry_for=(QuelError,), max_retries=5)
def stage(name: str, *ids: Any) -> None:
    """Runs one stage and sends what it asks for."""
    job_id, *rest = ids
    with about(actor=name, job_id=job_id):
        _send(_STAGES[Stage(name)](_Process.world, UUID(job_id), *rest))


def _send(nudges: Iterable[Nudge]) -> None:
    for nudge in nudges:
        ids = (str(nudge.job_id),) if nudge.image_no is None else (str(nudge.job_id), nudge.image_no)
        stage.apply_async((nudge.stage.value, *ids), queue=nudge.stage.value, countdown=nudge.delay_s or None)


@signals.worker_init.connect
def _start(sender: Any, **_: Any) -> None:
    configure_logs("info", "json")
    threads = int(sender.concurrency)
    world = World(settings(), threads=threads + _SPARE_CONNECTIONS)
    _ = world.engine, world.storage, world.imaging
    queues = redis.Redis.from_url(_BROKER)
    nobody = UUID(int=0)
    bell = Doorbell(
        ring=lambda number: _send([Nudge(Stage.GENERATE_IMAGE, nobody, 0)] * number),
        due=world.turns.due,
        backlog=lambda: int(queues.llen(Stage.GENERATE_IMAGE.value)),
        handful=threads,
    )
    keeper = LeaseKeeper(keep_leases=world.turns.renew, keep_slots=world.quota.keep)
    world.install(bell, keeper)
    stop = threading.Event()
    threading.Thread(target=bell.run, args=(stop,), daemon=True).start()
    for thread in keeper.threads(stop):
        thread.start()
    _Process.world = world


@signals.worker_ready.connect
def _ready(**_: Any) -> None:
    print("ready for action", flush=True)  # the word the sandbox waits for
