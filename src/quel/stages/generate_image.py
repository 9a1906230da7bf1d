"""generate_image: one paid provider call for the image whose turn it is, under the shared quota.

A message only says that an image became ready. First a slot of the quota is reserved, then, when it has
come, the image whose turn it is by then is leased: with a full quota the newcomer's single image goes
before the thousandth of somebody else. A message that finds no slot is dropped: its image waits in its row,
and the admission controller sends a new message when there is room.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from quel.core.call import Call
from quel.core.errors import QuelError, ServiceUnavailable, UnreadablePicture
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
from quel.core.pipeline import MOST_STARTS, Step, StepMessage
from quel.core.quota import CallResult, Later, Slot
from quel.core.retry import Decision, GiveUp, Succeed, TryAgain, WaitForOperator, WaitForQuota, decide
from quel.core.services import Lane, Services
from quel.core.submission import Submission
from quel.core.takes import GiveUpTake, Keep, Reroll
from quel.observe.events import Event, emit
from quel.observe.logs import log_context
from quel.stages.job_end import finalize_when_done, log_progress
from quel.stages.judge_take import Shown, is_turned_down, judge_take
from quel.stages.keep_answer import delete_stored, keep_answer
from quel.stages.lead_picture import show_lead

_PAUSED_FOR_S = 2.0
_NO_TURN_FOR_S = 1.0
_NO_LEAD_FOR_S = 5.0
_ENDED_THE_PROCESS = (
    f"Making the image ended the process that worked on it {MOST_STARTS} times, so it was not tried again."
)


@dataclass(frozen=True)
class _Answered:
    """What a call came to, with the slot it was made in and the pictures that were shown.

    `spent_usd` is what takes cost that brought no picture.
    """

    slot: Slot
    outcome: Outcome
    shown: Shown
    spent_usd: float


def generate_image(
    services: Services,
    job_id: UUID,  # noqa: ARG001 - every stage is given its message's ids
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
                lane.admission.wait(Later(_NO_TURN_FOR_S, "threads"))
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
        lane.quota.give_back(slot)
        if open_paths != EveryPath():  # images may wait for their path; else there is simply none
            lane.admission.wait(Later(_NO_TURN_FOR_S, "path"))
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
        messages += _make_or_let_go(services, lane, claimed, slot)
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


def _make_or_let_go(
    services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot
) -> tuple[StepMessage, ...]:
    """An error is an orderly end, unlike the death of the process: it must not count as one."""
    try:
        return _make(services, lane, claimed, slot)
    except QuelError:
        with suppress(QuelError):
            _reschedule(services, claimed, _NO_TURN_FOR_S)
        raise


def _reschedule(services: Services, claimed: ClaimedImage, delay_s: float) -> None:
    """Lets go of the image as it was claimed."""
    services.generate_image.reschedule(
        claimed, delay_s=delay_s, attempts=claimed.attempts, broken=claimed.broken_answers
    )


def _make(services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot) -> tuple[StepMessage, ...]:
    if claimed.job_status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(claimed.job_id):
        _give_back(lane, slot)
        return _not_wanted(services, claimed)
    if claimed.starts > MOST_STARTS and not _is_kept(services, claimed):
        _give_back(lane, slot)
        return _give_up(services, claimed, "ends_the_process", _ENDED_THE_PROCESS, account=False)
    try:
        claimed = show_lead(services, claimed)
    except ServiceUnavailable as error:
        _give_back(lane, slot)
        emit(Event.IMAGE_RETRIED, code=error.code, attempts=claimed.attempts, delay_s=_NO_LEAD_FOR_S)
        _reschedule(services, claimed, _NO_LEAD_FOR_S)
        return (StepMessage(Step.GENERATE_IMAGE, claimed.job_id, claimed.image_no, _NO_LEAD_FOR_S),)
    with services.call_budget.share(services.blobs.size_bytes(claimed.picture_keys)):
        answered = _ask(services, lane, claimed, slot)
    if isinstance(answered, _Answered):
        return _follow(services, lane, claimed, answered)
    return answered


def _is_kept(services: Services, claimed: ClaimedImage) -> bool:
    """Whether its answer is: then it has been paid for, and no call is made."""
    return services.blobs.has_outputs([(claimed.job_id, claimed.image_no)])[0]


def _ask(
    services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot
) -> _Answered | tuple[StepMessage, ...]:
    """Makes the call, or says what follows where none is to be made."""
    pictures, answer = services.blobs.inputs_and_output(
        claimed.picture_keys, claimed.job_id, claimed.image_no
    )
    if answer is not None and is_turned_down(claimed, answer):
        services.blobs.drop_output(claimed.job_id, claimed.image_no)
        answer = None
    shown = [(key, picture) for key, picture in zip(claimed.picture_keys, pictures, strict=True) if picture]
    if answer is not None:  # a worker died between keeping the bytes and saying so
        _give_back(lane, slot)
        if claimed.as_given:
            return _made(services, claimed, cost_usd=0.0)
        return _judged(services, lane, claimed, shown, answer)
    if len(shown) < len(pictures):
        _give_back(lane, slot)
        emit(Event.INPUTS_LOST)
        services.generate_image.reset(claimed)
        return (StepMessage(Step.PREPARE_INPUTS, claimed.job_id),)
    if claimed.as_given:
        _give_back(lane, slot)
        return _take_as_given(services, claimed, shown[0][1])
    begun = lane.quota.begin(slot)
    if begun is None:  # Redis has lost the counts: this slot may have been given away a second time
        _reschedule(services, claimed, 0.0)
        lane.admission.wait(Later(_NO_TURN_FOR_S, "lost"))
        return ()
    outcome, spent_usd = _call(services, lane, claimed, begun, [picture for _, picture in shown])
    return _Answered(begun, outcome, shown, spent_usd)


def _take_as_given(
    services: Services, claimed: ClaimedImage, picture: PictureBytes
) -> tuple[StepMessage, ...]:
    """The image is a picture that is there: kept like any answer, and nobody is asked or paid for it."""
    try:
        keep_answer(services, claimed, picture)
    except UnreadablePicture as error:
        return _give_up(services, claimed, error.code, str(error))
    return _made(services, claimed, cost_usd=0.0)


def _not_wanted(services: Services, claimed: ClaimedImage) -> tuple[StepMessage, ...]:
    """The job was cancelled, ended by somebody else, or set back to pending, to be claimed anew."""
    if claimed.job_status is JobStatus.PENDING:
        services.generate_image.reset(claimed)
        return ()
    return (StepMessage(Step.FINALIZE_JOB, claimed.job_id),)


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


def _call(
    services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot, pictures: Sequence[PictureBytes]
) -> tuple[Outcome, float]:
    """What the call came to, and what takes have cost so far that brought no picture."""
    noted = [claimed.submission]

    def submitted(submission: Submission) -> bool:
        noted.append(submission)
        return services.generate_image.note_submission(claimed, submission)

    capability = services.rules.capability(lane.maker, claimed.model)
    emit(
        Event.PROVIDER_CALLED,
        model=capability.model if capability else str(lane.maker),
        prompt_length=len(claimed.prompt) + sum(map(len, claimed.labels)),
        pictures=len(pictures),
    )
    request = GenerateRequest(
        claimed.prompt,
        tuple(pictures),
        claimed.aspect_ratio,
        claimed.seed,
        claimed.negative_prompt,
        claimed.roles,
        claimed.labels,
        claimed.image_size,
        claimed.temperature,
        claimed.model,
        claimed.steps,
        claimed.cfg,
    )
    call = Call(
        job_id=claimed.job_id,
        image_no=claimed.image_no,
        owner=slot.owner,
        place=slot.place,
        earlier=claimed.submission,
        submitted=submitted,
        wanted=lambda: _is_wanted(services, claimed),
        attempts=claimed.attempts,
    )
    began = services.clock.monotonic_s()
    outcome = lane.engine.generate(request, call)
    emit(
        Event.PROVIDER_ANSWERED,
        status=type(outcome).__name__.lower(),
        code=getattr(outcome, "code", None),
        blame=blame(outcome),
        seconds=round(services.clock.monotonic_s() - began, 3),
        cost_usd=getattr(outcome, "cost_usd", 0.0),
    )
    return outcome, noted[-1].spent_usd if noted[-1] else 0.0


def _is_wanted(services: Services, claimed: ClaimedImage) -> bool:
    if services.cancellations.is_cancelled(claimed.job_id):
        return False
    image = services.persist_output.load(claimed.job_id, claimed.image_no)
    return image is not None and image.job_status is JobStatus.PROCESSING


def _follow(
    services: Services, lane: Lane, claimed: ClaimedImage, answered: _Answered
) -> tuple[StepMessage, ...]:
    decision, is_stored = _decide(services, claimed, answered.outcome), False
    if isinstance(decision, Succeed):  # before anything that can fail: these bytes have been paid for
        try:
            is_stored = keep_answer(services, claimed, decision.picture)
        except UnreadablePicture as error:
            decision = _decide(services, claimed, Broken(error.code, str(error)))
    _report(lane, answered.slot, answered.outcome)
    match decision:
        case Succeed(picture, cost_usd):
            return _judged(
                services, lane, claimed, answered.shown, picture, cost_usd=cost_usd, is_stored=is_stored
            )
        case TryAgain(delay_s, attempts, broken, code, _):
            emit(Event.IMAGE_RETRIED, code=code, attempts=attempts, delay_s=round(delay_s, 3))
            services.generate_image.reschedule(claimed, delay_s=delay_s, attempts=attempts, broken=broken)
            return (StepMessage(Step.GENERATE_IMAGE, claimed.job_id, claimed.image_no, delay_s),)
        case WaitForQuota() | WaitForOperator():
            _reschedule(services, claimed, 0.0)
            lane.admission.wait(Later(lane.admission.blocked_for_s() or _NO_TURN_FOR_S, "provider"))
            return ()
        case GiveUp(code, message, account):
            spent_usd = answered.spent_usd
            return _give_up(services, claimed, code, message, account=account, cost_usd=spent_usd)


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
    lane: Lane,
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
    match judge_take(services, lane.maker, claimed, shown, answer, cost_usd=cost_usd):
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


def _report(lane: Lane, slot: Slot, outcome: Outcome) -> None:
    result, pause_s = _call_result(outcome)
    blocked_for_s = lane.quota.report(slot, result, pause_s=pause_s)
    said = getattr(outcome, "said", "")
    if isinstance(outcome, Stalled):
        emit(Event.PROVIDER_NEEDS_OPERATOR, code=outcome.code, reason=outcome.fault.sentence, said=said)
    if blocked_for_s > 0:
        emit(Event.PROVIDER_WAITING, quota=result.value, wait_s=round(blocked_for_s, 3), said=said)
        lane.admission.block(blocked_for_s)
    lane.admission.slot_is_free()


def _give_back(lane: Lane, slot: Slot) -> None:
    lane.quota.give_back(slot)
    lane.admission.slot_is_free()


def _call_result(outcome: Outcome) -> tuple[CallResult | OperatorFault, float]:
    match outcome:
        case Stalled(fault):  # the provider's own word on when to come back knows nothing of the operator
            return fault, PROBE_EVERY_S
        case Wait(scope, retry_after):
            results = {QuotaScope.MINUTE: CallResult.MINUTE, QuotaScope.DAY: CallResult.DAY}
            return results.get(scope, CallResult.UNKNOWN), retry_after.total_seconds() if retry_after else 0.0
        case Transient(overloaded=True):
            return CallResult.OVERLOADED, 0.0
        case _:
            return CallResult.ANSWERED, 0.0
