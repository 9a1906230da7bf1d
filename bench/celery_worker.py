"""The peer: the same stage functions run by Celery 5 on Redis, with a thread pool and late acknowledgement.

Everything below the stages is quel's own; only the machinery that carries messages differs. Started as
`celery -A bench.celery_worker worker`, with the broker's URL in QUEL_BENCH_CELERY_BROKER.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import redis
from celery import Celery, signals

from quel.actors.admission.controller import AdmissionController
from quel.actors.admission.lease_renewal import LeaseRenewal
from quel.actors.admission.preparation import LOOK_EVERY_S
from quel.core.engines import Maker
from quel.core.errors import QuelError
from quel.core.pipeline import WHOEVER, Step, StepMessage
from quel.environment import settings
from quel.observe.logs import configure_logs, log_context
from quel.services import Services
from quel.stages.fetch_job import fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.generate_image import generate_image
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import preparation_waits, prepare_inputs

QUEUES = tuple(step.value for step in Step if step is not Step.SWEEP_STUCK_JOBS)
_BROKER = os.environ["QUEL_BENCH_CELERY_BROKER"]
_STEPS: dict[Step, Callable[..., tuple[StepMessage, ...]]] = {
    Step.FETCH_JOB: fetch_job,
    Step.PREPARE_INPUTS: prepare_inputs,
    Step.GENERATE_IMAGE: generate_image,
    Step.PERSIST_OUTPUT: persist_output,
    Step.FINALIZE_JOB: finalize_job,
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
    services: Services


@app.task(name="step", autoretry_for=(QuelError,), max_retries=5)
def run_step(name: str, *ids: Any) -> None:
    """Runs one step and sends what it asks for."""
    job_id, *rest = ids
    with log_context(actor=name, job_id=job_id):
        _send(_STEPS[Step(name)](_Process.services, UUID(job_id), *rest))


def _send(messages: Iterable[StepMessage]) -> None:
    for message in messages:
        step = message.step.value
        ids = (str(message.job_id),) if message.image_no is None else (str(message.job_id), message.image_no)
        run_step.apply_async((step, *ids), queue=step, countdown=message.delay_s or None)


def _look_for_preparations(services: Services, queues: redis.Redis, threads: int) -> None:
    """As quel's own workers do: a message that finds nobody's turn has come is dropped."""
    while True:
        time.sleep(LOOK_EVERY_S)
        if not queues.llen(Step.PREPARE_INPUTS.value) and preparation_waits(services):
            _send([StepMessage(Step.PREPARE_INPUTS, WHOEVER)] * threads)


@signals.worker_init.connect
def _start(sender: Any, **_signal: Any) -> None:
    configure_logs("info", "json")
    threads = int(sender.concurrency)
    services = Services(settings(), threads=threads + _SPARE_CONNECTIONS)
    _, _, _ = services.engine, services.storage, services.imaging  # made before the first job, as quel does
    queues = redis.Redis.from_url(_BROKER)
    nobody = UUID(int=0)
    admission = AdmissionController(
        notify=lambda number: _send([StepMessage(Step.GENERATE_IMAGE, nobody, 0)] * number),
        due=services.generate_image.due,
        backlog=lambda: int(queues.llen(Step.GENERATE_IMAGE.value)),
        threads=threads,
    )
    renewal = LeaseRenewal(keep_leases=services.generate_image.renew)
    services.install({Maker(): admission}, renewal)
    stop = threading.Event()
    threading.Thread(target=admission.run, args=(stop,), daemon=True).start()
    threading.Thread(target=_look_for_preparations, args=(services, queues, threads), daemon=True).start()
    for thread in renewal.threads(stop):
        thread.start()
    _Process.services = services


@signals.worker_ready.connect
def _ready(**_: Any) -> None:
    print("ready for action", flush=True)  # the word the sandbox waits for
