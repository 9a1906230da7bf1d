"""The steps, the states of an image, and what "look again" means: which step a job's rows call for next."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Step(StrEnum):
    """The actors and their queues, in the order a job meets them; and what operators ask for."""

    FETCH_JOB = "fetch_job"
    PREPARE_INPUTS = "prepare_inputs"
    GENERATE_IMAGE = "generate_image"
    PERSIST_OUTPUT = "persist_output"
    FINALIZE_JOB = "finalize_job"
    DELIVER_WEBHOOK = "deliver_webhook"
    SWEEP_STUCK_JOBS = "sweep_stuck_jobs"
    RUN_BULK = "run_bulk"
    RUN_AUDIT = "run_audit"


MOST_STARTS = 3
"""How often work that ends its process is begun: it would walk through every worker there is."""

SUSPECT_STARTS = 2
"""From so many on an image is generated while no other such one is: what shares a process with the one that
ends it was begun as often, and would fail with it."""


WHOEVER = UUID(int=0)
"""In the place of a job's id: the message is about none, only about whose turn it is."""


class ImageState(StrEnum):
    """Where an image stands.

    planned → ready → generating → made → stored, or failed or cancelled from anywhere before stored.
    """

    PLANNED = "planned"  # its pictures and prompt are not prepared yet
    READY = "ready"  # waits for its turn at the provider
    GENERATING = "generating"  # a worker holds its lease and may be calling the provider
    MADE = "made"  # its take is good and its bytes are kept, to be stored
    STORED = "stored"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({ImageState.STORED, ImageState.FAILED, ImageState.CANCELLED})


@dataclass(frozen=True)
class StepMessage:
    """A message to send once the rows are committed: this step should look at this job (and image)."""

    step: Step
    job_id: UUID
    image_no: int | None = None
    delay_s: float = 0.0


def next_steps(job_id: UUID, states: Iterable[tuple[int, ImageState]]) -> tuple[StepMessage, ...]:
    """The messages that move a job on, from its images' (image_no, state) alone.

    An image that is being generated needs none: whoever holds its lease sends the next one.
    """
    images = list(states)
    messages = []
    if any(state is ImageState.PLANNED for _, state in images):
        messages.append(StepMessage(Step.PREPARE_INPUTS, job_id))
    for image_no, state in images:
        if state is ImageState.READY:
            messages.append(StepMessage(Step.GENERATE_IMAGE, job_id, image_no))
        elif state is ImageState.MADE:
            messages.append(StepMessage(Step.PERSIST_OUTPUT, job_id, image_no))
    if all(state in FINAL_STATES for _, state in images):
        messages.append(StepMessage(Step.FINALIZE_JOB, job_id))
    return tuple(messages)
