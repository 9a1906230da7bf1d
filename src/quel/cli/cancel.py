"""`quel cancel`: cancels jobs the way the front end does, and says what became of them."""

from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, say
from quel.core.operations.cancel_job import CancelledJob, CancelOutcome
from quel.operations.cancel_job import cancel_jobs
from quel.operations.job_list import job_ids_named


def cancel(
    jobs: Annotated[list[str], typer.Argument(help="Their ids, or how they begin.", metavar="JOB...")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the jobs to be closed.")] = 5.0,
) -> None:
    """Cancel jobs: nothing new is begun, what was delivered is kept; exits 1 where one could not be."""
    with open_services() as services:
        done = cancel_jobs(services, job_ids_named(services, jobs), wait_s=wait)
    remark(done.unsent)
    for job in done.jobs:
        say(f"{job.job_id}: {_fate(job)}")
    if any(job.outcome in (CancelOutcome.UNKNOWN, CancelOutcome.ENDED) for job in done.jobs):
        raise typer.Exit(1)


def _fate(job: CancelledJob) -> str:
    match job.outcome:
        case CancelOutcome.UNKNOWN:
            return "there is no such job."
        case CancelOutcome.CANCELLING:
            return f"cancelled by its key; a worker closes it ({job.delivered} images so far)."
        case CancelOutcome.CANCELLED:
            return f"cancelled, {job.delivered} of {job.images} images were delivered and are kept."
        case CancelOutcome.ENDED:
            return f"has already ended as {job.status}."
