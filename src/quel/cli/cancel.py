"""`quel cancel`: cancels jobs the way the front end does, and says what became of them."""

import time
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from quel.cli.connections import browsing_rows, check_redis, open_database, open_lists
from quel.cli.console import out
from quel.cli.nudging import nudge
from quel.core.finalize_job import CANCELLED_STATUSES
from quel.core.pipeline import Step, StepMessage

if TYPE_CHECKING:
    from quel.adapters.postgres.operations.job_list import JobListRows, JobView

_LOOK_EVERY_S = 0.2


def cancel(
    jobs: Annotated[list[UUID], typer.Argument(help="The ids of the jobs.", metavar="JOB...")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the jobs to be closed.")] = 5.0,
) -> None:
    """Cancel jobs: nothing new is begun, what was delivered is kept; exits 1 where one could not be."""
    from quel.adapters.redis.cancellations import Cancellations
    from quel.settings import settings

    check_redis(settings())
    cancellations = Cancellations(open_lists(settings()))
    with open_database(settings()) as database:
        rows = browsing_rows(database, settings())
        still_open = [view.job_id for view in rows.jobs_by_id(jobs) if not _is_closed(view)]
        for job_id in still_open:
            cancellations.cancel(job_id)
        nudge(*(StepMessage(Step.FINALIZE_JOB, job_id) for job_id in still_open))
        views = {view.job_id: view for view in _followed(rows, jobs, wait)}
    for job_id in jobs:
        out.print(f"{job_id}: {_fate(views.get(job_id))}", highlight=False, markup=False, soft_wrap=True)
    if any(job_id not in views or not _is_cancelled(views[job_id]) for job_id in jobs):
        raise typer.Exit(1)


def _followed(rows: "JobListRows", jobs: list[UUID], wait_s: float) -> "list[JobView]":
    """The jobs once all have ended, or as they stand when `wait_s` is over."""
    until = time.monotonic() + wait_s
    while True:
        views = rows.jobs_by_id(jobs)
        if all(_is_closed(view) for view in views) or time.monotonic() >= until:
            return views
        time.sleep(_LOOK_EVERY_S)


def _is_closed(view: "JobView") -> bool:
    """Whether its end is written: the front end may have marked a row as cancelled that is still open."""
    return view.has_ended and (view.status not in CANCELLED_STATUSES or view.completed_at is not None)


def _is_cancelled(view: "JobView") -> bool:
    return view.status in CANCELLED_STATUSES or not view.has_ended


def _fate(view: "JobView | None") -> str:
    if view is None:
        return "there is no such job."
    if not _is_closed(view):
        return f"cancelled by its key; a worker closes it ({view.completed} images so far)."
    if view.status in CANCELLED_STATUSES:
        return f"cancelled, {view.completed} of {view.total_images} images were delivered and are kept."
    return f"has already ended as {view.status}."
