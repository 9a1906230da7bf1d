"""Why the sweep leaves an open job alone that quel never had in hand: a sentence for an operator, or none."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quel.core.job import JobStatus
from quel.core.kind import MADE_HERE, Kind


@dataclass(frozen=True)
class LostJob:
    """An open job that no program of quel's minds. `path` is the name it carries, None where it has none.

    `age_s` counts from its creation; `reason` says why it is left alone and what runs it.
    """

    job_id: UUID
    kind: Kind
    path: str | None
    job_type: str
    status: JobStatus
    total_images: int
    completed: int
    created_at: datetime
    age_s: float
    reason: str


def why_left_alone(kind: Kind, age_s: float, adopt_within_s: float) -> str | None:
    """The reason, or None where the sweep takes the job up by itself."""
    if kind not in MADE_HERE:
        return "not of a kind that quel makes"
    if age_s > adopt_within_s:
        return "older than QUEL_ADOPT_WITHIN_S: `quel retry` runs it"
    return None
