"""`quel retry`: makes what is missing of an ended job, each image with the plan it had; runs a lost one."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from quel.cli.connections import check_redis, lost_rows, open_database, open_lists
from quel.cli.console import err, out
from quel.cli.nudging import nudge
from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import JobStatus
from quel.core.kind import MADE_HERE, not_made_here
from quel.core.operations.retry_job import EndedJob, Missing, Objection, OneImage, images_to_make
from quel.core.pipeline import Step, StepMessage

if TYPE_CHECKING:
    from quel.adapters.postgres.database import Database
    from quel.core.fetch_job import JobFacts
    from quel.settings import Settings


def retry(
    job: Annotated[UUID, typer.Argument(help="The job's id.", metavar="JOB")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Not the cancelled images, only failed ones.")
    ] = False,
    image: Annotated[int | None, typer.Option(min=1, help="Only this image, counted from 1.")] = None,
) -> None:
    """Make the failed and cancelled images of an ended job again; what was delivered stays as it is.

    Delivered images are charged as always, to the same payer. A job that was refused is fetched anew, and so
    is an open one that the sweep leaves alone for its age (`quel jobs --lost`).
    """
    from quel.adapters.postgres.fetch_job import FetchJobRows
    from quel.adapters.postgres.operations.retry_job import RetryJobRows
    from quel.settings import settings

    if failed and image is not None:
        _stop("Choose --failed or --image, not both.", code=2)
    check_redis(settings())
    with open_database(settings()) as database:
        facts = FetchJobRows(database).load(job)
        if facts is None:
            _stop(f"There is no job {job}.", code=2)
        if facts.kind not in MADE_HERE:
            _stop(not_made_here(facts.kind))
        ended = RetryJobRows(database).load(job)
        if ended is not None:
            which = OneImage(image) if image is not None else Missing(failed_only=failed)
            _retry_planned(settings(), database, ended, which)
        elif failed or image is not None:
            _stop("quel has no plan of this job, so it has no images to choose from: retry it whole.")
        else:
            _retry_unplanned(settings(), database, facts)


def _retry_planned(
    settings: "Settings", database: "Database", job: EndedJob, which: Missing | OneImage
) -> None:
    from quel.adapters.postgres.operations.retry_job import RetryJobRows

    chosen = images_to_make(job, which)
    if isinstance(chosen, Objection):
        _stop(chosen.reason, code=0 if chosen.is_well else 1)
    _forget_cancellation(settings, job.job_id)
    problem = RetryJobRows(database).reopen(job, chosen)
    if problem:
        _stop(problem)
    nudge(StepMessage(Step.PREPARE_INPUTS, job.job_id))
    numbers = ", ".join(str(image_no + 1) for image_no in chosen)
    _say(f"Made again: image {numbers}; {len(chosen) * job.price} credits if all of them succeed.")


def _retry_unplanned(settings: "Settings", database: "Database", facts: "JobFacts") -> None:
    from quel.adapters.postgres.operations.retry_job import RetryJobRows

    job_id, lost = facts.job_id, lost_rows(database, settings)
    is_open = facts.status in OPEN_STATUSES
    if is_open and lost.find(job_id) is None:
        _stop(f"The job is still {facts.status}: only a job that has ended is taken up again.")
    _check_unplanned(settings, facts)
    _forget_cancellation(settings, job_id)
    moved = (
        lost.take_in_hand(job_id)
        if is_open
        else RetryJobRows(database).reopen_unplanned(job_id, facts.status)
    )
    if not moved:
        _stop("The job moved at this very moment: look at it and try again.")
    nudge(StepMessage(Step.FETCH_JOB, job_id))
    _say(f"The job is pending{'' if is_open else ' again'} and on its way to fetch_job.")


def _check_unplanned(settings: "Settings", facts: "JobFacts") -> None:
    """Exits with the reason where fetch_job would refuse the job again, or find nothing to do."""
    from quel.core.fetch_job import Refuse, Start, decide
    from quel.services import make_rules

    decision = decide(replace(facts, status=JobStatus.PENDING), make_rules(settings).intake)
    if isinstance(decision, Refuse):
        _stop(decision.reason)
    if isinstance(decision, Start) and len(decision.stored_attach_ids) >= len(decision.plan.images):
        _stop("No image of the job is missing.", code=0)


def _forget_cancellation(settings: "Settings", job_id: UUID) -> None:
    from quel.adapters.redis.cancellations import Cancellations

    Cancellations(open_lists(settings)).clear(job_id)


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _stop(sentence: str, *, code: int = 1) -> NoReturn:
    err.print(sentence, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)
