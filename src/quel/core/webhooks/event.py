"""What a webhook says: that a job has ended, with ids and counts. No prompt, no address of a picture."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from quel.core.job import JobStatus

_TYPES: Mapping[str, str] = {
    JobStatus.COMPLETED: "job.completed",
    JobStatus.FAILED: "job.failed",
    JobStatus.CANCELLED: "job.cancelled",
    JobStatus.USER_CANCELLED: "job.cancelled",
}


@dataclass(frozen=True)
class EndedJob:
    """A job's row as it stands when it is closed; `updated_at` tells a later end from an earlier one."""

    job_id: UUID
    status: str
    job_type: str
    path: str | None
    production_id: UUID | None
    org_id: UUID | None
    member_id: UUID | None
    total_images: int
    completed_images: int
    failed_images: int
    attach_ids: tuple[int, ...]
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime | None


def event_type(status: str) -> str | None:
    """What a job's end is called, by the status in its row; None for one of which nobody is told."""
    return _TYPES.get(status)


def event_body(kind: str, job: EndedJob) -> str:
    """The JSON that is sent, the same for every try."""
    happened_at = job.updated_at or job.completed_at
    told = {"type": kind, "timestamp": happened_at, "data": asdict(job)}
    return json.dumps(told, default=_plain, separators=(",", ":"))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
