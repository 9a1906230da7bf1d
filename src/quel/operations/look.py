"""What the check before the charge sees in a picture, for a person: each score beside its limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from quel.core.aspect import AspectRatio
from quel.core.outcome import PictureBytes
from quel.core.takes import LEAST_PX, LIMITS, Reason, faults
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class Score:
    """One kind of fault: `score` beyond `limit` is one (below it for the size, in pixels)."""

    reason: str
    score: float
    limit: float
    is_fault: bool


@dataclass(frozen=True)
class Looked:
    """`nearest` is the number of the reference the picture resembles most, from 1."""

    faults: tuple[str, ...]
    scores: tuple[Score, ...]
    nearest: int | None
    difference: float
    cpu_ms: float


def look_at(
    services: OperatorServices,
    take: bytes,
    *,
    references: Sequence[bytes] = (),
    siblings: Sequence[bytes] = (),
    aspect_ratio: AspectRatio | None = None,
    may_stay_near: bool = False,
) -> Looked:
    """Looks at a picture as generate_image does; without an aspect ratio its shape is not judged.

    Raises TakeUnchecked where one of the files is no picture.
    """
    shown = [(sha256(data).hexdigest(), PictureBytes(data, "")) for data in references]
    asked = aspect_ratio or AspectRatio(1, 1)
    signs = services.take_checker.look(PictureBytes(take, ""), shown, lambda _: siblings, asked)
    wrong = [
        reason
        for reason in faults(signs, may_stay_near=may_stay_near)
        if aspect_ratio or reason is not Reason.RATIO
    ]
    scores = (
        Score(reason, round(score, 4), LIMITS.get(reason, LEAST_PX), reason in wrong)
        for reason, score in signs.scores.items()
        if aspect_ratio or reason is not Reason.RATIO
    )
    return Looked(tuple(wrong), tuple(scores), signs.nearest, signs.difference, round(1000 * signs.cpu_s, 1))
