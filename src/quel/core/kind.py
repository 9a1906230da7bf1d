"""What a row of the shared table is: a job that quel makes, or one that belongs to another program.

Told from the job's type, its path and the names of its input's keys alone, in any spelling, before anything
else of the input is parsed.
"""

from collections.abc import Collection
from enum import StrEnum

from quel.core.job import JobType
from quel.core.request.spelling import plain_key


class Kind(StrEnum):
    """The kinds of jobs that share the product's tables; UNKNOWN is one that nobody here can tell."""

    IMAGES = "images"
    MULTIVIEW = "multiview"
    LANDING = "landing"
    MODIFY = "modify"
    VIDEO = "video"
    UNKNOWN = "unknown"


FORWARDED = "forwarded"
"""What the row of a job is remembered as that was passed on: its kind alone may be one that quel makes."""

MADE_HERE: frozenset[Kind] = frozenset({Kind.IMAGES, Kind.MULTIVIEW, Kind.LANDING, Kind.MODIFY})
"""The kinds quel makes. Any other is passed on or refused, and never made as something else."""

TELLING_KEYS = frozenset(
    {
        "basePrompt",
        "individualImageAttachIds",
        "combinations",
        "stages",
        "uploadedAttachIds",
        "mergedImages",
        "mergedImageAttachId",
    }
)
"""Only a job of images has these."""

READ_KEYS = TELLING_KEYS | {
    "prompt",
    "quantity",
    "angle",
    "cameraAngle",
    "shot",
    "shotType",
    "fx",
    "negative_prompt",
    "isPreEdited",
}
"""The top-level keys that say what images to make."""

COMMON_KEYS = frozenset({"userId", "aspect-ratio", "imageSize", "consistent"})
"""Keys that quel reads and that jobs of every kind carry: they tell nothing."""

CHARGED_ON_DELIVERY = "chargedOnDelivery"
"""True in an in-painting that quel's own submit wrote; what the old server charged at submit lacks it."""

_TELLING = frozenset(map(plain_key, TELLING_KEYS))
_READ = frozenset(map(plain_key, READ_KEYS))
_COMMON = frozenset(map(plain_key, COMMON_KEYS))
_MASK = plain_key("maskDataUrl")
_VIDEO = plain_key("imageBase64")
KNOWN = _READ | _COMMON | {_MASK, _VIDEO}
"""The keys that a kind is told by, as plain_key has them; of others it only matters whether there is one."""

_BY_PATH = {kind.value: kind for kind in (Kind.MULTIVIEW, Kind.LANDING, Kind.VIDEO)}


def kind_of(job_type: str | None, path: str | None, keys: Collection[str] | None) -> Kind:
    """The kind of a job, from its job_type, its path (else its production's) and its input's keys.

    `keys` are the top-level keys of job_input_data, None where that is no JSON object. Case and blanks of
    the path do not matter. What is merely wrong (an empty input, a list, text) counts as a job of images:
    its validation says what is wrong with it.
    """
    names = frozenset(map(plain_key, keys or ()))
    if _MASK in names:
        return Kind.MODIFY
    by_path = _BY_PATH.get((path or "").strip().lower())
    if by_path is not None:
        return by_path
    if _VIDEO in names and not names & _TELLING:
        return Kind.VIDEO
    if job_type not in list(JobType) or _says_nothing_known(names):
        return Kind.UNKNOWN
    return Kind.IMAGES


def _says_nothing_known(names: frozenset[str]) -> bool:
    return bool(names - _COMMON) and not names & _READ


def foreign_reason(kind: Kind, why: str = "") -> str:
    """Why a job that is not made here is refused, for the customer: `why` (a sentence), else its kind."""
    return f"{why or not_made_here(kind)} Nothing was made of it, and quel charged nothing."


def not_made_here(kind: Kind) -> str:
    """What a job of a kind that is not made here is, as a sentence."""
    if kind is Kind.UNKNOWN:
        return "quel does not know this kind of job: it reads neither such a type nor such keys of an input."
    return f"This is a {kind} job, and quel does not make those."
