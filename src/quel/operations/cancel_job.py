"""Cancels jobs the way the front end does: by their key, which every step looks at before it begins."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from uuid import UUID

from quel.core.operations.cancel_job import Cancellation, outcome_of
from quel.core.operations.job_list import JobView
from quel.core.pipeline import Step, StepMessage
from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices

_LOOK_EVERY_S = 0.2


def cancel_jobs(services: OperatorServices, job_ids: Sequence[UUID], *, wait_s: float) -> Cancellation:
    """Sets the keys of those that are open, and tells what became of all `wait_s` seconds later or sooner.

    What was delivered is kept. Raises SettingsError, ServiceUnavailable, DatabaseError.
    """
    services.check_redis()
    still_open = [view.job_id for view in services.job_list.jobs_by_id(job_ids) if not view.is_closed]
    with recorded(services, "cancel", still_open) if still_open else nullcontext():
        for job_id in still_open:
            services.cancellations.cancel(job_id)
    unsent = services.send(StepMessage(Step.FINALIZE_JOB, job_id) for job_id in still_open)
    views = {view.job_id: view for view in _followed(services, job_ids, wait_s)}
    return Cancellation(tuple(outcome_of(job_id, views.get(job_id)) for job_id in job_ids), unsent)


def _followed(services: OperatorServices, job_ids: Sequence[UUID], wait_s: float) -> list[JobView]:
    """The jobs once all have ended, or as they stand when `wait_s` is over."""
    until = time.monotonic() + wait_s
    while True:
        views = services.job_list.jobs_by_id(job_ids)
        if all(view.is_closed for view in views) or time.monotonic() >= until:
            return views
        time.sleep(_LOOK_EVERY_S)
