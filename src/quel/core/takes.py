"""Whether a take is one a studio would keep, from what was measured of it: limits and policy alone.

The certain kinds are worthless at any price and never charged; the probable ones may be what was wanted. The
same signs, rules and counts give the same verdict, whenever it is asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from quel.core.plan import seed_of


class Reason(StrEnum):
    """What may be wrong with a take, the certain kinds first."""

    BLANK = "blank"
    CUT_OFF = "cut_off"
    RATIO = "ratio"
    SIZE = "size"
    ECHO = "echo"
    COLLAGE = "collage"
    BARS = "bars"
    DOUBLE = "double"


CERTAIN = frozenset({Reason.BLANK, Reason.CUT_OFF, Reason.RATIO, Reason.SIZE})
"""Worthless, and told without doubt."""

LIMITS = {
    Reason.BLANK: 0.7,
    Reason.CUT_OFF: 0.7,
    Reason.RATIO: 0.06,  # of the logarithm; 1376×768 for 16:9 is 0.008 off
    Reason.ECHO: 0.72,
    Reason.COLLAGE: 0.7,
    Reason.BARS: 0.7,
    Reason.DOUBLE: 0.9,
}
"""Above which a score is a fault; `tests/takes` has the counts they were set by."""

LEAST_PX = 640 * 640
"""Below which a take is too small at 1K: what models make there has a megapixel."""

SAME_PICTURE = 6.0
"""Levels of 255. A retouch moves a picture by more, a copy by less (docs/takes.md)."""

COMPARED = 8
"""Takes of an item that are held against each other: those whose image numbers share an eight."""

SLOW_S = 0.25
"""CPU seconds after which nobody waits for a verdict: the take is kept."""


@dataclass(frozen=True)
class Signs:
    """What was measured of a take: scores from 0 to 1 but for RATIO (of a logarithm) and SIZE (pixels).

    `nearest` is the number of the reference it resembles most, from 1; `difference` how far it is from that
    one in levels of 255, without allowing for a new grade. `cpu_s` is what looking cost.
    """

    scores: Mapping[Reason, float]
    nearest: int | None = None
    difference: float = 255.0
    cpu_s: float = field(default=0.0, compare=False)


class Check(StrEnum):
    """What is done about a kind of fault (QUEL_TAKE_CHECK)."""

    OFF = "off"
    WARN = "warn"
    REROLL = "reroll"


@dataclass(frozen=True)
class TakeRules:
    """How takes are judged.

    `rerolls` bounds those of an image, `budget` those of a job as a share of its images, rounded up.
    `keep_exhausted` keeps what is then still only probably bad.
    """

    certain: Check = Check.REROLL
    probable: Check = Check.WARN
    rerolls: int = 2
    budget: float = 0.25
    keep_exhausted: bool = False

    @property
    def is_on(self) -> bool:
        """Whether takes are looked at at all."""
        return Check.OFF not in (self.certain, self.probable)

    def rerolls_of_job(self, images: int) -> int:
        """How many images of a job may be made again, all in all."""
        return math.ceil(round(self.budget * images, 9))  # 0.07 × 100 is a little more than 7

    def of(self, reason: Reason) -> Check:
        """What is done about a kind."""
        return self.certain if reason in CERTAIN else self.probable


@dataclass(frozen=True)
class TurnedDown:
    """The take an image is made again for: why, which reference it resembled, and the digest of its bytes."""

    reason: Reason
    nearest: int | None
    digest: str


@dataclass(frozen=True)
class Keep:
    """The take goes on; `faults` are those it is kept in spite of."""

    faults: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Reroll:
    """The take is bad, and another call may bring a better one."""

    reason: Reason


@dataclass(frozen=True)
class GiveUpTake:
    """The take is bad, and no call is left: the image fails uncharged for this sentence."""

    reason: Reason
    message: str

    @property
    def code(self) -> str:
        """The fixed name of the failure."""
        return f"take_{self.reason}"


TakeDecision = Keep | Reroll | GiveUpTake


def faults(
    signs: Signs,
    *,
    may_stay_near: bool = False,
    least_px: float = LEAST_PX,
    same_picture: float = SAME_PICTURE,
) -> tuple[Reason, ...]:
    """Everything that is wrong, the certain kinds first.

    Where a near copy was ordered (`may_stay_near`) only the very same picture is an echo, one that differs by
    less than `same_picture` levels, and takes may look alike.
    """
    found = {reason for reason, limit in LIMITS.items() if signs.scores.get(reason, 0.0) > limit}
    if signs.scores.get(Reason.SIZE, float(least_px)) < least_px:
        found.add(Reason.SIZE)
    if may_stay_near and signs.difference >= same_picture:
        found.discard(Reason.ECHO)
    if may_stay_near:
        found.discard(Reason.DOUBLE)
    return tuple(reason for reason in Reason if reason in found)


def least_pixels(megapixels: float, image_size: str) -> float:
    """The fewest pixels of a useful take by a maker of so many megapixels at 1K."""
    return LEAST_PX * megapixels * int(image_size.removesuffix("K")) ** 2


def judge(
    signs: Signs,
    rules: TakeRules,
    *,
    rerolls: int,
    may_stay_near: bool = False,
    least_px: float = LEAST_PX,
    same_picture: float = SAME_PICTURE,
) -> TakeDecision:
    """What becomes of a take whose image was made again `rerolls` times (see `faults`)."""
    found = faults(signs, may_stay_near=may_stay_near, least_px=least_px, same_picture=same_picture)
    worst = next((reason for reason in found if rules.of(reason) is Check.REROLL), None)
    if worst is None:
        return Keep(found)
    return Reroll(worst) if rerolls < rules.rerolls else out_of_rerolls(worst, rules)


def out_of_rerolls(reason: Reason, rules: TakeRules) -> TakeDecision:
    """What becomes of a bad take when the image or its job has no re-roll left."""
    if rules.keep_exhausted and reason not in CERTAIN:
        return Keep((reason,))
    return GiveUpTake(reason, f"{_WHAT_CAME[reason]} It was not charged.")


@dataclass(frozen=True)
class Retake:
    """What a call asks for: a prompt and a seed."""

    prompt: str
    seed: int


def retake(
    job_id: UUID,
    image_no: int,
    planned: Retake,
    rerolls: int,
    last: TurnedDown | None,
    *,
    may_stay_near: bool = False,
) -> Retake:
    """What was planned; after bad takes another seed, and first a sentence on what the `last` one lacked."""
    if not rerolls:
        return planned
    hint = correction(last, may_stay_near=may_stay_near) if last else None
    prompt = f"{hint}\n\n{planned.prompt}" if hint else planned.prompt
    return Retake(prompt, seed_of(job_id, image_no, rerolls))


def correction(last: TurnedDown, *, may_stay_near: bool = False) -> str | None:
    """One sentence to put first, said as what to do; None where only chance went wrong."""
    if last.reason is Reason.ECHO and may_stay_near:
        return f"Carry out the change that is asked for: image {last.nearest or 1} came back as it was."
    if last.reason is Reason.ECHO:
        return _CORRECTIONS[Reason.ECHO].format(n=last.nearest or 1)
    return _CORRECTIONS.get(last.reason)


_CORRECTIONS = {
    Reason.ECHO: (
        "Make a new photograph: another camera position, other light and other surroundings"
        " than in image {n}."
    ),
    Reason.COLLAGE: "One continuous view from one camera, a single moment, from edge to edge.",
    Reason.BARS: "The scene itself reaches all four edges of the picture.",
    Reason.DOUBLE: "Catch another moment: another pose, another gaze, another distance within the framing.",
}

_WHAT_CAME = {
    Reason.BLANK: "The provider's picture showed nothing.",
    Reason.CUT_OFF: "The provider's picture broke off.",
    Reason.RATIO: "The provider's picture had another shape than was ordered.",
    Reason.SIZE: "The provider's picture was too small to be of use.",
    Reason.ECHO: "The provider gave a reference back instead of a new picture.",
    Reason.COLLAGE: "The provider made several pictures in one.",
    Reason.BARS: "The provider's picture had bars or a frame around it.",
    Reason.DOUBLE: "The provider made the same picture twice.",
}
