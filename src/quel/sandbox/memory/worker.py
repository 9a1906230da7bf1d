"""Plays a whole history, message by message, as quel's actors do: the stages do the work.

Actors' rules for what goes wrong are followed (a neighbour that is down is tried again, later and later; an
unknown job is rejected), but not their numbers: a history may be retried as often as it needs.
"""

from quel.core.errors import QuelError
from quel.core.open_paths import without_paused
from quel.core.pipeline import WHOEVER, ImageState, Step, StepMessage
from quel.core.services import Services
from quel.sandbox.memory.broker import Waiting
from quel.sandbox.memory.services import MemoryServices
from quel.stages.deliver_webhook import deliver_webhook
from quel.stages.fetch_job import UnknownJob, fetch_job
from quel.stages.finalize_job import finalize_job
from quel.stages.generate_image import generate_image
from quel.stages.persist_output import persist_output
from quel.stages.prepare_inputs import look_ahead, prepare_inputs
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs

_UNKNOWN_JOB_TRIES = 3
_LONGEST_PAUSE_S = 60.0
_MOST_STEPS = 10_000


class Worker:
    """Serves every step of one world, one message at a time."""

    def __init__(self, services: MemoryServices) -> None:
        self._services = services
        self.done: list[StepMessage] = []
        """The messages whose stage has run to its end, in order."""

    def run(self, until: Step | None = None) -> None:
        """Works until no message is left and no image may go, or one of the step `until` was worked off.

        Time passes where every message is delayed or every image waits. Raises RuntimeError where that does
        not end.
        """
        for _ in range(_MOST_STEPS):
            fetched = self._services.queues.fetch()
            if fetched is None:
                if not self._look_for_turns():
                    return
                continue
            self._work(fetched)
            if fetched.message.step is until:
                return
        raise RuntimeError(f"Messages are left after {_MOST_STEPS} of them.")

    def die_after(self, step: Step) -> None:
        """Works until a message of `step` is done, and loses whatever it and others before it led to."""
        self.run(until=step)
        self._services.queues.lose()

    def sweep(self) -> tuple[StepMessage, ...]:
        """What the scheduler starts each minute; what it sent."""
        messages = sweep_stuck_jobs(self._services)
        self._services.queues.send(*messages)
        return messages

    def _work(self, fetched: Waiting) -> None:
        try:
            messages = run_stage(
                self._services, fetched.message, message_id=fetched.message_id, tries=fetched.retries
            )
        except UnknownJob:
            self._reject(fetched)
        except QuelError:
            self._again(fetched)
        else:
            self.done.append(fetched.message)
            self._services.queues.send(*messages)

    def _reject(self, fetched: Waiting) -> None:
        if fetched.retries < _UNKNOWN_JOB_TRIES:
            self._again(fetched)
            return
        entry = str(fetched.message.job_id).encode()
        self._services.rejected.keep(entry, source=Step.FETCH_JOB, reason="unknown job")

    def _again(self, fetched: Waiting) -> None:
        pause_s = min(2.0**fetched.retries, _LONGEST_PAUSE_S)
        self._services.queues.send_again(fetched, delay_s=pause_s)

    def _look_for_turns(self) -> bool:
        """What the looks for images and jobs do that wait for their turn; False when none will ever go."""
        services, rules = self._services, self._services.rules
        open_paths = without_paused(rules.open_paths, services.pause.paused_paths(), rules.intake.known_paths)
        image_in_s = services.generate_image.next_due_in_s(open_paths)
        job_in_s = services.prepare_inputs.next_due_in_s(look_ahead(services))
        if job_in_s is not None and (image_in_s is None or job_in_s <= image_in_s):
            services.clock.advance(job_in_s)
            services.queues.send(StepMessage(Step.PREPARE_INPUTS, WHOEVER))
        elif image_in_s is not None:
            makers = {image.maker for image in services.tables.in_state(ImageState.READY)}
            closed = [lane.admission.blocked_for_s() for lane in services.lanes if lane.maker in makers]
            services.clock.advance(max(image_in_s, min(closed, default=0.0)))
            services.queues.send(StepMessage(Step.GENERATE_IMAGE, WHOEVER, 0))
        return job_in_s is not None or image_in_s is not None


def run_stage(
    services: Services, message: StepMessage, *, message_id: str | None = None, tries: int = 0
) -> tuple[StepMessage, ...]:
    """What the actor of the message's step does: the stage; the messages that it asks for."""
    image_no = message.image_no or 0
    match message.step:
        case Step.FETCH_JOB:
            return fetch_job(services, message.job_id)
        case Step.PREPARE_INPUTS:
            return prepare_inputs(services, message.job_id, owner=message_id)
        case Step.GENERATE_IMAGE:
            return generate_image(services, message.job_id, image_no)
        case Step.PERSIST_OUTPUT:
            return persist_output(services, message.job_id, image_no, owner=message_id, tries=tries)
        case Step.FINALIZE_JOB:
            return finalize_job(services, message.job_id)
        case Step.DELIVER_WEBHOOK:
            return deliver_webhook(services, message.job_id)
        case Step.SWEEP_STUCK_JOBS:
            return sweep_stuck_jobs(services)
        case Step.RUN_BULK | Step.RUN_AUDIT:  # what an operator asks for is worked off from its rows
            return ()
