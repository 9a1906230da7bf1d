"""One call of an image's maker, and what the call tells of the quota it was made in."""

from collections.abc import Sequence

from quel.core.call import Call
from quel.core.generate_image import ClaimedImage
from quel.core.job import JobStatus
from quel.core.operator_fault import PROBE_EVERY_S, OperatorFault
from quel.core.outcome import (
    GenerateRequest,
    Outcome,
    PictureBytes,
    QuotaScope,
    Stalled,
    Transient,
    Wait,
    blame,
)
from quel.core.quota import CallResult, Slot
from quel.core.services import Lane, Services
from quel.core.submission import Submission
from quel.observe.events import Event, emit


def call_provider(
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


def report(lane: Lane, slot: Slot, outcome: Outcome) -> None:
    """Tells the quota how the call in this slot ended, and the admission controller that it is free."""
    result, pause_s = _result_of(outcome)
    blocked_for_s = lane.quota.report(slot, result, pause_s=pause_s)
    said = getattr(outcome, "said", "")
    if isinstance(outcome, Stalled):
        emit(Event.PROVIDER_NEEDS_OPERATOR, code=outcome.code, reason=outcome.fault.sentence, said=said)
    if blocked_for_s > 0:
        emit(Event.PROVIDER_WAITING, quota=result.value, wait_s=round(blocked_for_s, 3), said=said)
        lane.admission.block(blocked_for_s)
    lane.admission.slot_is_free()


def give_back(lane: Lane, slot: Slot) -> None:
    """Gives back a slot in which no call was made."""
    lane.quota.give_back(slot)
    lane.admission.slot_is_free()


def _result_of(outcome: Outcome) -> tuple[CallResult | OperatorFault, float]:
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
