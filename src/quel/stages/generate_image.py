"""generate_image: one paid provider call for the image whose turn it is, under the shared quota.

A message only says that an image became ready. First a slot of the quota is reserved, then, when it has
come, the image whose turn it is by then is leased: with a full quota the newcomer's single image goes
before the thousandth of somebody else. A message that finds no slot is dropped: its image waits in its row,
and the admission controller sends a new message when there is room.
"""

import random
from collections.abc import Sequence
from uuid import UUID

from quel.core.errors import UnreadablePicture
from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.job import JobStatus
from quel.core.open_paths import EveryPath, OnlyPaths, OpenPaths, without_paused
from quel.core.operator_fault import PROBE_EVERY_S, OperatorFault
from quel.core.outcome import (
    Broken,
    GenerateRequest,
    Outcome,
    PictureBytes,
    QuotaScope,
    Stalled,
    Transient,
    Wait,
    blame,
)
from quel.core.pipeline import Step, StepMessage
from quel.core.quota import Later, Slot, Verdict
from quel.core.retry import Decision, GiveUp, Succeed, TryAgain, WaitForOperator, WaitForQuota, decide
from quel.core.services import Services
from quel.core.takes import GiveUpTake, Keep, Reroll
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import finalize_when_done, log_progress
from quel.stages.judge_take import Shown, is_turned_down, judge_take
from quel.stages.keep_answer import delete_stored, keep_answer

_PAUSED_FOR_S = 2.0
_NO_TURN_FOR_S = 1.0


def generate_image(services: Services, job_id: UUID, image_no: int) -> tuple[StepMessage, ...]:
    """Makes the image whose turn it is. The ids say which one became ready, not which one is made."""
    open_paths = _open_paths(services)
    if open_paths == OnlyPaths(()):
        services.admission.wait(Later(_PAUSED_FOR_S, "paused"))
        return ()
    slot = _reserve(services)
    if isinstance(slot, Later):
        services.admission.wait(slot)
        return ()
    services.clock.sleep(slot.wait_s)  # at most the quota's horizon; nobody else can use the slot
    claimed, messages = _take(services, slot, open_paths)
    if claimed is None:
        services.quota.give_back(slot)
        if open_paths != EveryPath():  # images may wait for their path; else there is simply none
            services.admission.wait(Later(_NO_TURN_FOR_S, "path"))
        return messages
    with (
        services.lease_renewal.held(claimed.lease, slot),
        log_context(job_id=claimed.job_id, image=claimed.image_no, path=claimed.path, stage=claimed.stage),
    ):
        messages += _make(services, claimed, slot)
    if services.admission.call_ended():
        messages += (StepMessage(Step.GENERATE_IMAGE, job_id, image_no),)
    return messages


def _open_paths(services: Services) -> OpenPaths:
    rules = services.rules
    return without_paused(rules.open_paths, services.pause.paused_paths(), rules.intake.known_paths)


def _reserve(services: Services) -> Slot | Later:
    later_or_slot = services.admission.ask(services.quota.reserve)
    if isinstance(later_or_slot, Later) and later_or_slot.reason != "known":
        emit(Event.PROVIDER_WAITING, quota=later_or_slot.reason, wait_s=round(later_or_slot.wait_s, 3))
    return later_or_slot


def _make(services: Services, claimed: ClaimedImage, slot: Slot) -> tuple[StepMessage, ...]:
    if claimed.job_status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(claimed.job_id):
        services.quota.give_back(slot)
        return _not_wanted(services, claimed)
    pictures, answer = services.blobs.inputs_and_output(
        claimed.picture_keys, claimed.job_id, claimed.image_no
    )
    if answer is not None and is_turned_down(claimed, answer):
        services.blobs.drop_output(claimed.job_id, claimed.image_no)
        answer = None
    shown = [(key, picture) for key, picture in zip(claimed.picture_keys, pictures, strict=True) if picture]
    if answer is not None:  # a worker died between keeping the bytes and saying so
        services.quota.give_back(slot)
        return _judged(services, claimed, shown, answer)
    if len(shown) < len(pictures):
        services.quota.give_back(slot)
        emit(Event.INPUTS_LOST)
        services.generate_image.reset(claimed)
        return (StepMessage(Step.PREPARE_INPUTS, claimed.job_id),)
    begun = services.quota.begin(slot)
    if begun is None:  # Redis has lost the counts: this slot may have been given away a second time
        services.generate_image.reschedule(
            claimed, delay_s=0.0, attempts=claimed.attempts, broken=claimed.broken_answers
        )
        services.admission.wait(Later(_NO_TURN_FOR_S, "lost"))
        return ()
    outcome = _call(services, claimed, [picture for _, picture in shown])
    return _follow(services, claimed, begun, outcome, shown)


def _not_wanted(services: Services, claimed: ClaimedImage) -> tuple[StepMessage, ...]:
    """The job was cancelled, ended by somebody else, or set back to pending, to be claimed anew."""
    if claimed.job_status is JobStatus.PENDING:
        services.generate_image.reset(claimed)
        return ()
    return (StepMessage(Step.FINALIZE_JOB, claimed.job_id),)


def _take(
    services: Services, slot: Slot, open_paths: OpenPaths
) -> tuple[ClaimedImage | None, tuple[StepMessage, ...]]:
    """The image whose turn it is, passing over payers without the credits, and what those lead to."""
    messages: tuple[StepMessage, ...] = ()
    while isinstance(claimed := services.generate_image.claim(slot.owner, open_paths), Unpayable):
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


def _call(services: Services, claimed: ClaimedImage, pictures: Sequence[PictureBytes]) -> Outcome:
    emit(
        Event.PROVIDER_CALLED,
        model=services.rules.model,
        prompt_length=len(claimed.prompt),
        pictures=len(pictures),
    )
    request = GenerateRequest(claimed.prompt, tuple(pictures), claimed.aspect_ratio, claimed.seed)
    began = services.clock.monotonic_s()
    outcome = services.engine.generate(request)
    emit(
        Event.PROVIDER_ANSWERED,
        status=type(outcome).__name__.lower(),
        code=getattr(outcome, "code", None),
        blame=blame(outcome),
        seconds=round(services.clock.monotonic_s() - began, 3),
        cost_usd=getattr(outcome, "cost_usd", 0.0),
    )
    return outcome


def _follow(
    services: Services, claimed: ClaimedImage, slot: Slot, outcome: Outcome, shown: Shown
) -> tuple[StepMessage, ...]:
    decision, is_stored = _decide(services, claimed, outcome), False
    if isinstance(decision, Succeed):  # before anything that can fail: these bytes have been paid for
        try:
            is_stored = keep_answer(services, claimed, decision.picture)
        except UnreadablePicture as error:
            decision = _decide(services, claimed, Broken(error.code, str(error)))
    _report(services, slot, outcome)
    match decision:
        case Succeed(picture, cost_usd):
            return _judged(services, claimed, shown, picture, cost_usd=cost_usd, is_stored=is_stored)
        case TryAgain(delay_s, attempts, broken, code, _):
            emit(Event.IMAGE_RETRIED, code=code, attempts=attempts, delay_s=round(delay_s, 3))
            services.generate_image.reschedule(claimed, delay_s=delay_s, attempts=attempts, broken=broken)
            return (StepMessage(Step.GENERATE_IMAGE, claimed.job_id, claimed.image_no, delay_s),)
        case WaitForQuota() | WaitForOperator():
            services.generate_image.reschedule(
                claimed, delay_s=0.0, attempts=claimed.attempts, broken=claimed.broken_answers
            )
            services.admission.wait(Later(services.admission.closed_for_s() or _NO_TURN_FOR_S, "provider"))
            return ()
        case GiveUp(code, message, account):
            return _give_up(services, claimed, code, message, account=account)


def _decide(services: Services, claimed: ClaimedImage, outcome: Outcome) -> Decision:
    return decide(
        outcome,
        attempts=claimed.attempts,
        broken=claimed.broken_answers,
        policy=services.rules.retry,
        random_fraction=random.random(),  # noqa: S311 - jitter, not a secret
    )


def _judged(
    services: Services,
    claimed: ClaimedImage,
    shown: Shown,
    answer: PictureBytes,
    *,
    cost_usd: float = 0.0,
    is_stored: bool = False,
) -> tuple[StepMessage, ...]:
    """Sends a kept answer on, has the image made again, or fails it, by what the answer shows."""
    again = StepMessage(Step.GENERATE_IMAGE, claimed.job_id, claimed.image_no)
    clear_away = StepMessage(Step.PERSIST_OUTPUT, claimed.job_id, claimed.image_no)  # where it has ended
    match judge_take(services, claimed, shown, answer, cost_usd=cost_usd):
        case None:  # whoever holds the image by now judges these bytes as well
            emit(Event.IMAGE_DROPPED, state="held by another")
            return (again, clear_away)
        case Reroll():
            if is_stored:
                delete_stored(services, claimed)
            return (again,)
        case GiveUpTake(_, message) as verdict:
            return (clear_away, *_give_up(services, claimed, verdict.code, message, cost_usd=cost_usd))
        case Keep():
            return _made(services, claimed, cost_usd)


def _made(services: Services, claimed: ClaimedImage, cost_usd: float) -> tuple[StepMessage, ...]:
    if not services.generate_image.mark_made(claimed, cost_usd):
        emit(Event.IMAGE_DROPPED, state="no longer wanted")
        services.blobs.drop_output(claimed.job_id, claimed.image_no)
        # persist_output deletes what may have been stored at once.
        return (
            StepMessage(Step.PERSIST_OUTPUT, claimed.job_id, claimed.image_no),
            StepMessage(Step.FINALIZE_JOB, claimed.job_id),
        )
    emit(Event.IMAGE_MADE, cost_usd=cost_usd)
    return (StepMessage(Step.PERSIST_OUTPUT, claimed.job_id, claimed.image_no),)


def _give_up(
    services: Services,
    claimed: ClaimedImage,
    code: str,
    message: str,
    *,
    account: bool = False,
    cost_usd: float = 0.0,
) -> tuple[StepMessage, ...]:
    progress = services.generate_image.fail(
        claimed,
        code=code,
        reason=message,
        attempts=claimed.attempts + 1,
        broken=claimed.broken_answers,
        cost_usd=cost_usd,
    )
    if progress is None:
        return ()
    emit(Event.IMAGE_FAILED, code=code, reason=message, account=account)
    if account:
        emit(Event.PROVIDER_NEEDS_OPERATOR, code=code, reason=message)
    log_progress(progress)
    return finalize_when_done(claimed.job_id, progress)


def _report(services: Services, slot: Slot, outcome: Outcome) -> None:
    verdict, pause_s = _verdict(outcome)
    closed_for_s = services.quota.report(slot, verdict, pause_s=pause_s)
    said = getattr(outcome, "said", "")
    if isinstance(outcome, Stalled):
        emit(Event.PROVIDER_NEEDS_OPERATOR, code=outcome.code, reason=outcome.fault.sentence, said=said)
    if closed_for_s > 0:
        emit(Event.PROVIDER_WAITING, quota=verdict.value, wait_s=round(closed_for_s, 3), said=said)
        services.admission.closed(closed_for_s)


def _verdict(outcome: Outcome) -> tuple[Verdict | OperatorFault, float]:
    match outcome:
        case Stalled(fault):  # the provider's own word on when to come back knows nothing of the operator
            return fault, PROBE_EVERY_S
        case Wait(scope, retry_after):
            verdicts = {QuotaScope.MINUTE: Verdict.MINUTE, QuotaScope.DAY: Verdict.DAY}
            return verdicts.get(scope, Verdict.UNKNOWN), retry_after.total_seconds() if retry_after else 0.0
        case Transient(overloaded=True):
            return Verdict.OVERLOADED, 0.0
        case _:
            return Verdict.ANSWERED, 0.0
