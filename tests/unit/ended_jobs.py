"""A job that has ended, as `quel retry` loads it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.job import JobStatus
from quel.core.operations.retry_job import EndedJob
from quel.core.pipeline import ImageState

JOB, MEMBER = UUID(int=1), UUID(int=2)
_COMPLETED = EndedJob(
    job_id=JOB,
    status=JobStatus.COMPLETED,
    is_closed=True,
    images=(),
    price=5,
    payer_kind=PayerKind.MEMBER,
    payer_id=MEMBER,
    balance=100,
)


def ended(*states: ImageState, **facts: Any) -> EndedJob:
    """A completed one whose images have these states; its member has 100 credits, an image costs 5."""
    return replace(_COMPLETED, images=tuple(enumerate(states)), **facts)
