"""`quel cancel`: cancels jobs the way the front end does, and says what became of them."""

from typing import Annotated

import typer

from quel.cli.bulk import DryRun, Where, Yes, ask_and_do
from quel.cli.connections import open_services
from quel.cli.console import remark, say, stop
from quel.cli.tables import show_json
from quel.core.operations.bulk import BulkAction, BulkOrder, read_where
from quel.core.operations.cancel_job import CancelledJob, CancelOutcome
from quel.operations.cancel_job import cancel_jobs
from quel.operations.job_list import job_ids_named

AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


def cancel(
    jobs: Annotated[
        list[str] | None, typer.Argument(help="Their ids, or how they begin.", metavar="[JOB...]")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the jobs to be closed.")] = 5.0,
    where: Where = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs: nothing new is begun, what was delivered is kept; exits 1 where one could not be.

    With --where all open jobs that are meant, after somebody said yes.
    """
    if bool(jobs) == (where is not None):
        stop("Say which: jobs, or --where.")
    if where is not None:
        order = BulkOrder(BulkAction.CANCEL, read_where(where))
        ask_and_do(order, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if dry_run or yes:
        stop("--dry-run and --yes belong to --where.")
    with open_services() as services:
        done = cancel_jobs(services, job_ids_named(services, jobs or ()), wait_s=wait)
    could_not = any(job.outcome in (CancelOutcome.UNKNOWN, CancelOutcome.ENDED) for job in done.jobs)
    if as_json:
        show_json({"ok": not could_not, "jobs": done.jobs, "unsent": done.unsent})
    else:
        remark(done.unsent)
        for job in done.jobs:
            say(f"{job.job_id}: {_fate(job)}")
    if could_not:
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
