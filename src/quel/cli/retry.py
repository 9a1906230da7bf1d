"""`quel retry`: makes what is missing of an ended job, each image with the plan it had; runs a lost one."""

from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, say, stop
from quel.core.operations.retry_job import Missing, OneImage
from quel.operations.job_list import job_ids_named
from quel.operations.retry_job import FetchedAnew, NothingMissing, PlannedAgain, retry_job


def retry(
    job: Annotated[str, typer.Argument(help="The job's id, or how it begins.", metavar="JOB")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Not the cancelled images, only failed ones.")
    ] = False,
    image: Annotated[int | None, typer.Option(min=1, help="Only this image, counted from 1.")] = None,
) -> None:
    """Make the failed and cancelled images of an ended job again; what was delivered stays as it is.

    Delivered images are charged as always, to the same payer. A job that was refused is fetched anew, and so
    is an open one that the sweep leaves alone for its age (`quel jobs --lost`).
    """
    if failed and image is not None:
        stop("Choose --failed or --image, not both.")
    which = OneImage(image) if image is not None else Missing(failed_only=failed)
    with open_services() as services:
        (job_id,) = job_ids_named(services, [job])
        done = retry_job(services, job_id, which)
    match done:
        case NothingMissing(reason):
            remark(reason)
        case PlannedAgain(images, credits_, unsent):
            remark(unsent)
            numbers = ", ".join(str(number) for number in images)
            say(f"Made again: image {numbers}; {credits_} credits if all of them succeed.")
        case FetchedAnew(was_open, unsent):
            remark(unsent)
            say(f"The job is pending{'' if was_open else ' again'} and on its way to fetch_job.")
