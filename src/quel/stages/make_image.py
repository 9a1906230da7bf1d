"""One claimed image, from what stands against it to what its answer shows: made, tried again, or given up.

A paid answer is kept before anything that can fail, and judged after: whoever comes after a crash finds it,
asks nobody again, and comes to the same verdict.
"""

import random
from contextlib import suppress
from dataclasses import dataclass

from quel.core.errors import QuelError, ServiceUnavailable, UnreadablePicture
from quel.core.generate_image import ClaimedImage
from quel.core.job import JobStatus
from quel.core.outcome import (
    Broken,
    Outcome,
    PictureBytes,
)
from quel.core.pipeline import MOST_STARTS, Step, StepMessage
from quel.core.quota import Later, Slot
from quel.core.retry import Decision, GiveUp, Succeed, TryAgain, WaitForOperator, WaitForQuota, decide
from quel.core.services import Lane, Services
from quel.core.takes import GiveUpTake, Keep, Reroll
from quel.observe.events import Event, emit
from quel.stages.call_provider import call_provider, give_back, report
from quel.stages.job_end import finalize_when_done, log_progress
from quel.stages.judge_take import Shown, is_turned_down, judge_take
from quel.stages.keep_answer import delete_stored, keep_answer
from quel.stages.lead_picture import show_lead

NO_TURN_FOR_S = 1.0
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


def make_image(services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot) -> tuple[StepMessage, ...]:
    """What is to be sent once this image is dealt with. Raises QuelError, and lets go of the image before.

    An error is an orderly end, unlike the death of the process: it must not count as one.
    """
    try:
        return _make(services, lane, claimed, slot)
    except QuelError:
        with suppress(QuelError):
            _reschedule(services, claimed, NO_TURN_FOR_S)
        raise


def _reschedule(services: Services, claimed: ClaimedImage, delay_s: float) -> None:
    """Lets go of the image as it was claimed."""
    services.generate_image.reschedule(
        claimed, delay_s=delay_s, attempts=claimed.attempts, broken=claimed.broken_answers
    )


def _make(services: Services, lane: Lane, claimed: ClaimedImage, slot: Slot) -> tuple[StepMessage, ...]:
    if claimed.job_status is not JobStatus.PROCESSING or services.cancellations.is_cancelled(claimed.job_id):
        give_back(lane, slot)
        return _not_wanted(services, claimed)
    if claimed.starts > MOST_STARTS and not _is_kept(services, claimed):
        give_back(lane, slot)
        return _give_up(services, claimed, "ends_the_process", _ENDED_THE_PROCESS, account=False)
    try:
        claimed = show_lead(services, claimed)
    except ServiceUnavailable as error:
        give_back(lane, slot)
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
        give_back(lane, slot)
        if claimed.as_given:
            return _made(services, claimed, cost_usd=0.0)
        return _judged(services, lane, claimed, shown, answer)
    if len(shown) < len(pictures):
        give_back(lane, slot)
        emit(Event.INPUTS_LOST)
        services.generate_image.prepare_again(claimed)
        return (StepMessage(Step.PREPARE_INPUTS, claimed.job_id),)
    if claimed.as_given:
        give_back(lane, slot)
        return _take_as_given(services, claimed, shown[0][1])
    begun = lane.quota.begin(slot)
    if begun is None:  # Redis has lost the counts: this slot may have been given away a second time
        _reschedule(services, claimed, 0.0)
        lane.admission.wait(Later(NO_TURN_FOR_S, "lost"))
        return ()
    outcome, spent_usd = call_provider(services, lane, claimed, begun, [picture for _, picture in shown])
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
        services.generate_image.prepare_again(claimed)
        return ()
    return (StepMessage(Step.FINALIZE_JOB, claimed.job_id),)


def _follow(
    services: Services, lane: Lane, claimed: ClaimedImage, answered: _Answered
) -> tuple[StepMessage, ...]:
    decision, is_stored = _decide(services, claimed, answered.outcome), False
    if isinstance(decision, Succeed):  # before anything that can fail: these bytes have been paid for
        try:
            is_stored = keep_answer(services, claimed, decision.picture)
        except UnreadablePicture as error:
            decision = _decide(services, claimed, Broken(error.code, str(error)))
    report(lane, answered.slot, answered.outcome)
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
            lane.admission.wait(Later(lane.admission.blocked_for_s() or NO_TURN_FOR_S, "provider"))
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
