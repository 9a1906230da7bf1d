"""Judges an image's take once its bytes are kept: the same take gets the same decision after a crash.

A check that fails or takes too long keeps the picture: nobody's work waits for a second opinion. The picture
that an image of a series follows counts as a sibling, which a take may not double, and not as a reference:
its set and light are wanted. The bytes of a turned-down take stay until the next call, which knows them by
their digest and forgets them under a lease of its own: by then they might be another's.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

from quel.core.engines import Maker
from quel.core.errors import QuelError, TakeUnchecked
from quel.core.generate_image import ClaimedImage
from quel.core.outcome import PictureBytes
from quel.core.services import Services
from quel.core.takes import (
    LEAST_PX,
    SLOW_S,
    Keep,
    Reroll,
    Signs,
    TakeDecision,
    TurnedDown,
    judge,
    least_pixels,
    out_of_rerolls,
)
from quel.observe.events import Event, emit

Shown = Sequence[tuple[str, PictureBytes]]
"""The pictures the engine was shown, with their keys."""


def judge_take(
    services: Services,
    maker: Maker,
    claimed: ClaimedImage,
    shown: Shown,
    answer: PictureBytes,
    *,
    cost_usd: float,
) -> TakeDecision | None:
    """What becomes of the take: for a Reroll its row says so already. None when the lease was lost."""
    signs = _looked_at(services, claimed, shown, answer) if services.rules.takes.is_on else None
    if signs is None:
        return Keep()
    rules = services.rules.takes
    capability = services.rules.capability(maker)
    least_px = least_pixels(capability.megapixels, claimed.image_size) if capability else LEAST_PX
    decision = judge(
        signs, rules, rerolls=claimed.rerolls, may_stay_near=claimed.may_stay_near, least_px=least_px
    )
    if isinstance(decision, Reroll):
        take = TurnedDown(decision.reason, signs.nearest, digest_of(answer))
        is_again = services.generate_image.turn_down(claimed, take, cost_usd=cost_usd, rules=rules)
        if is_again is None:
            return None
        if not is_again:
            decision = out_of_rerolls(decision.reason, rules)
    _tell(claimed, decision, signs, cost_usd=cost_usd)
    if not isinstance(decision, Keep):
        _forget(services, claimed)
    return decision


def is_turned_down(claimed: ClaimedImage, answer: PictureBytes) -> bool:
    """Whether kept bytes are the take that was turned down."""
    return claimed.turned_down is not None and claimed.turned_down.digest == digest_of(answer)


def digest_of(answer: PictureBytes) -> str:
    """By which a turned-down answer is known again."""
    return hashlib.sha256(answer.data).hexdigest()


def _looked_at(services: Services, claimed: ClaimedImage, shown: Shown, answer: PictureBytes) -> Signs | None:
    try:
        references, lead = (shown[:-1], shown[-1:]) if claimed.follows else (shown, ())
        siblings = partial(_siblings, services, claimed, [picture.data for _, picture in lead])
        signs = services.take_checker.look(answer, references, siblings, claimed.aspect_ratio)
    except TakeUnchecked as error:
        emit(Event.TAKE_UNCHECKED, code="failed", reason=str(error))
        return None
    except ImportError as error:  # a machine that lacks what OpenCV needs can still make pictures
        emit(Event.TAKE_UNCHECKED, code="failed", reason=f"{error.name or 'OpenCV'} cannot be loaded.")
        return None
    if signs.cpu_s > SLOW_S:
        emit(Event.TAKE_UNCHECKED, code="slow", reason=f"Looking took {signs.cpu_s:.3f} s of CPU.")
        return None
    return signs


def _tell(claimed: ClaimedImage, decision: TakeDecision, signs: Signs, *, cost_usd: float) -> None:
    """Says what became of a take that was looked at."""
    seen = {
        "seconds": round(signs.cpu_s, 4),
        "scores": {str(k): round(v, 3) for k, v in signs.scores.items()},
    }
    if isinstance(decision, Keep):
        emit(
            Event.TAKE_KEPT, faults=[str(fault) for fault in decision.faults], rerolls=claimed.rerolls, **seen
        )
        return
    emit(
        Event.TAKE_SPOILT,
        verdict="rerolled" if isinstance(decision, Reroll) else "failed",
        reason=str(decision.reason),
        reference=signs.nearest,
        seed=claimed.seed,
        cost_usd=cost_usd,
        **seen,
    )


def _forget(services: Services, claimed: ClaimedImage) -> None:
    """Lets no sibling be compared with a take that was not kept."""
    try:
        services.blobs.drop_thumbnail(claimed.job_id, _item(claimed), claimed.image_no)
    except QuelError as error:
        emit(Event.TAKE_UNCHECKED, code="no_siblings", reason=str(error))


def _siblings(
    services: Services, claimed: ClaimedImage, lead: Sequence[bytes], thumbnail: bytes
) -> Sequence[bytes]:
    try:
        item = _item(claimed)
        others = services.blobs.exchange_thumbnails(claimed.job_id, item, claimed.image_no, thumbnail)
    except QuelError as error:
        emit(Event.TAKE_UNCHECKED, code="no_siblings", reason=str(error))
        return lead
    return [*others, *lead]


def _item(claimed: ClaimedImage) -> str:
    """Only takes of one item may not look alike: another angle or shot is another picture."""
    return f"{claimed.stage}.{claimed.item}"
