"""`quel retry`: makes what is missing of ended jobs, or delivered images once more; runs a lost job."""

from typing import Annotated

import typer

from quel.cli.bulk import DryRun, Where, Yes, ask_and_do
from quel.cli.connections import open_services
from quel.cli.console import remark, say, stop
from quel.cli.tables import show_json
from quel.core.operations.bulk import BulkAction, BulkOrder, read_where
from quel.core.operations.image_numbers import read_image_numbers
from quel.core.operations.retry_job import which_images
from quel.operations.job_list import job_ids_named
from quel.operations.retry_job import (
    FetchedAnew,
    NothingMissing,
    OneMoreOfEach,
    PlannedAgain,
    Retried,
    retry_job,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


def retry(
    job: Annotated[
        str | None, typer.Argument(help="The job's id, or how it begins.", metavar="[JOB]")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Not the cancelled images, only failed ones.")
    ] = False,
    images: Annotated[
        str | None,
        typer.Option("--images", "--image", help="Only these, counted from 1: 3, or 1,3-5.", metavar="LIST"),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Make one more of each of --images, which were delivered and stay."),
    ] = False,
    where: Where = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make the failed and cancelled images of an ended job again; what was delivered stays as it is.

    Delivered images are charged as always, to the same payer. With --again delivered images are made once
    more, each as a further image of the job at its price. A job that was refused is fetched anew, and so
    is an open one that the sweep leaves alone for its age (`quel jobs --lost`). With --where it is done for
    all jobs that are meant, after count, credits and dollars are told and somebody said yes.
    """
    if failed and images is not None:
        stop("Choose --failed or --images, not both.")
    if again and images is None:
        stop("--again needs --images: say which are made once more.")
    if (job is None) == (where is None):
        stop("Say which: a job, or --where.")
    if where is not None:
        if images is not None:
            stop("--images is for one job.")
        order = BulkOrder(BulkAction.RETRY, read_where(where), failed_only=failed)
        ask_and_do(order, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if dry_run or yes:
        stop("--dry-run and --yes belong to --where.")
    numbers = None if images is None else read_image_numbers(images)
    which = which_images(numbers, failed_only=failed, again=again)
    with open_services() as services:
        (job_id,) = job_ids_named(services, [str(job)])
        done = retry_job(services, job_id, which)
    if as_json:
        show_json({"ok": True, "job_id": job_id, **_facts(done)})
    else:
        _tell(done)


def _facts(done: Retried) -> dict[str, object]:
    match done:
        case OneMoreOfEach(images, credits_, unsent):
            added = [{"image": number, "like": of} for number, of in images]
            return {"added": added, "credits": credits_, "unsent": unsent}
        case NothingMissing(reason):
            return {"images": [], "credits": 0, "reason": reason}
        case PlannedAgain(images, credits_, unsent):
            return {"images": images, "credits": credits_, "unsent": unsent}
        case FetchedAnew(_, unsent):
            return {"fetched_anew": True, "unsent": unsent}


def _tell(done: Retried) -> None:
    match done:
        case OneMoreOfEach(images, credits_, unsent):
            remark(unsent)
            added = ", ".join(f"image {number} like {of}" for number, of in images)
            say(f"Added: {added}; {credits_} credits if all of them succeed.")
        case NothingMissing(reason):
            remark(reason)
        case PlannedAgain(images, credits_, unsent):
            remark(unsent)
            numbers = ", ".join(str(number) for number in images)
            say(f"Made again: image {numbers}; {credits_} credits if all of them succeed.")
        case FetchedAnew(was_open, unsent):
            remark(unsent)
            say(f"The job is pending{'' if was_open else ' again'} and on its way to fetch_job.")
