"""generate_image: one paid provider call for the image whose turn it is, under the shared quota.

A message only says that an image became ready. First a slot of the quota is reserved, then, when it has
come, the image whose turn it is by then is leased: with a full quota the newcomer's single image goes
before the thousandth of somebody else. A message that finds no slot is dropped: its image waits in its row,
and the admission controller sends a new message when there is room.
"""

import random
from uuid import UUID

from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.open_paths import EveryPath, OnlyPaths, OpenPaths, without_paused
from quel.core.pipeline import Step, StepMessage
from quel.core.quota import Later, Slot
from quel.core.services import Lane, Services
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import finalize_when_done, log_progress
from quel.stages.make_image import NO_TURN_FOR_S, make_image

_PAUSED_FOR_S = 2.0


def generate_image(
    services: Services,
    job_id: UUID,  # noqa: ARG001 - every step is given its message's ids
    image_no: int,  # noqa: ARG001
) -> tuple[StepMessage, ...]:
    """Makes the image whose turn it is. The ids say which one became ready, not which one is made.

    Where there are several makers, they are asked in any order until one has an image that may go.
    """
    lanes = list(services.lanes)
    open_paths = _open_paths(services)
    if open_paths == OnlyPaths(()):
        for lane in lanes:
            lane.admission.wait(Later(_PAUSED_FOR_S, "paused"))
        return ()
    if len(lanes) > 1:
        lanes = [lane for lane in lanes if services.generate_image.due(1, lane.maker)]
        random.shuffle(lanes)
    messages: tuple[StepMessage, ...] = ()
    for lane in lanes:
        with lane.thread() as is_free:
            if not is_free:
                lane.admission.wait(Later(NO_TURN_FOR_S, "threads"))
                continue
            is_made, more = _serve(services, lane, open_paths)
        messages += more
        if is_made:
            break
    return messages


def _serve(services: Services, lane: Lane, open_paths: OpenPaths) -> tuple[bool, tuple[StepMessage, ...]]:
    """Makes one image of the lane's, if one may go; whether it did, and what it led to."""
    slot = _reserve(lane)
    if isinstance(slot, Later):
        lane.admission.wait(slot)
        return False, _reroute(services, lane)
    services.clock.sleep(slot.wait_s)  # at most the quota's horizon; nobody else can use the slot
    claimed, messages = _claim(services, lane, slot, open_paths)
    if claimed is None:
        lane.quota.give_back(slot)  # and nobody is told that it is free: there is no image to use it
        if open_paths != EveryPath():  # images may wait for their path; else there is simply none
            lane.admission.wait(Later(NO_TURN_FOR_S, "path"))
        return False, messages
    with (
        services.lease_renewal.held(claimed.lease, slot, lane.quota),
        log_context(
            job_id=claimed.job_id,
            image=claimed.image_no,
            path=claimed.path,
            stage=claimed.stage,
            engine=lane.maker.engine,
        ),
    ):
        messages += make_image(services, lane, claimed, slot)
    return True, messages


def _open_paths(services: Services) -> OpenPaths:
    rules = services.rules
    return without_paused(rules.open_paths, services.pause.paused_paths(), rules.intake.known_paths)


def _reroute(services: Services, lane: Lane) -> tuple[StepMessage, ...]:
    """Where the engine has been out for long, what waits for it goes to its route's fallback."""
    if not services.rules.routing.has_fallback(lane.maker):
        return ()
    out_s = lane.quota.out_for_s()
    rerouted = services.generate_image.reroute(lane.maker, out_s) if out_s > 0 else ()
    for image in rerouted:
        with log_context(job_id=image.job_id, image=image.image_no, path=image.path):
            emit(
                Event.IMAGE_REROUTED,
                source=lane.maker.engine,
                target=image.maker.engine,
                reason="out",
                out_s=round(out_s, 1),
            )
    jobs = dict.fromkeys(image.job_id for image in rerouted)
    return tuple(StepMessage(Step.PREPARE_INPUTS, job_id) for job_id in jobs)


def _reserve(lane: Lane) -> Slot | Later:
    later_or_slot = lane.admission.ask(lane.quota.reserve)
    if isinstance(later_or_slot, Later) and later_or_slot.reason != "known":
        emit(
            Event.PROVIDER_WAITING,
            engine=lane.maker.engine,
            quota=later_or_slot.reason,
            wait_s=round(later_or_slot.wait_s, 3),
        )
    return later_or_slot


def _claim(
    services: Services, lane: Lane, slot: Slot, open_paths: OpenPaths
) -> tuple[ClaimedImage | None, tuple[StepMessage, ...]]:
    """The image whose turn it is, passing over payers without the credits, and what those lead to."""
    messages: tuple[StepMessage, ...] = ()
    while isinstance(claimed := services.generate_image.claim(slot.owner, open_paths, lane.maker), Unpayable):
        messages += _unpayable(services, claimed)
    return claimed, messages


def _unpayable(services: Services, unpayable: Unpayable) -> tuple[StepMessage, ...]:
    with log_context(job_id=unpayable.job_id, path=unpayable.path):
        if services.cancellations.is_cancelled(unpayable.job_id):
            return (StepMessage(Step.FINALIZE_JOB, unpayable.job_id),)
        failed = services.generate_image.fail_unpayable(unpayable) if unpayable.is_dry else None
        if failed is None:
            emit(Event.IMAGE_UNPAYABLE, image=unpayable.image_no)
            return ()
        emit(Event.IMAGE_FAILED, code="ran_dry", reason=failed.reason, images=failed.images)
        log_progress(failed.progress)
        return finalize_when_done(unpayable.job_id, failed.progress)
