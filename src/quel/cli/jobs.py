"""`quel jobs`: which jobs wait, run or have ended, in pages; or which ones the sweep leaves alone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, say, stop
from quel.cli.durations import read_duration, spoken
from quel.cli.known_paths import known_path
from quel.cli.tables import show_json, show_table
from quel.cli.words import one_of, read_id
from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import JobStatus, JobType
from quel.core.operations.job_list import JobFilter, JobPage
from quel.operations.job_list import list_jobs, lost_jobs

_ALL = "all"


def _statuses(words: list[str] | None) -> list[str]:
    """The statuses' names in lower case. Raises BadParameter (exit code 2) for one that is none."""
    names = [word.strip().lower() for word in words or ()]
    for name in names:
        if name != _ALL and name not in list(JobStatus):
            raise typer.BadParameter(f'"{name}" is no status: give {", ".join(JobStatus)} or all.')
    return names


def jobs(
    path: Annotated[str | None, typer.Option(help="Only jobs of this path.", callback=known_path)] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="Only jobs of this status, or all; may be given several times; pending when not said.",
            callback=_statuses,
        ),
    ] = None,
    job_type: Annotated[
        JobType | None,
        typer.Option("--type", parser=one_of(JobType), metavar="TYPE", help="Only jobs of this type."),
    ] = None,
    org: Annotated[
        UUID | None, typer.Option(parser=read_id, metavar="ID", help="Only jobs of this organization.")
    ] = None,
    member: Annotated[
        UUID | None, typer.Option(parser=read_id, metavar="ID", help="Only jobs of this member.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only jobs with an image that failed for this code, or refused.")
    ] = None,
    since: Annotated[
        timedelta | None,
        typer.Option(parser=read_duration, metavar="DURATION", help="Only jobs created within it: 2h, 7d."),
    ] = None,
    newest: Annotated[
        bool | None,
        typer.Option("--newest/--oldest", help="The order; newest first when ended jobs are asked for."),
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where a page ended that gave this cursor.")
    ] = None,
    lost: Annotated[
        bool,
        typer.Option("--lost", help="Instead the open jobs that the sweep leaves alone, with the reason."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the jobs as JSON.")] = False,
) -> None:
    """List jobs with the first sentence of what became of them; without a status those that are pending.

    A job without a path counts as one of the default path. Where there are more, the next page's cursor is
    said on standard error.
    """
    if lost:
        if path is not None or status:
            stop("--lost lists jobs of every path and status: leave --path and --status out.")
        _show_lost(limit, as_json=as_json)
        return
    narrowed = bool(job_type or org or member or reason or since)
    chosen = JobFilter(
        path=path,
        statuses=_chosen(status or ([_ALL] if narrowed else [JobStatus.PENDING])),
        job_type=job_type,
        org_id=org,
        member_id=member,
        reason=reason,
        since_s=None if since is None else since.total_seconds(),
    )
    ended = not chosen.statuses or bool(set(chosen.statuses) - OPEN_STATUSES)
    with open_services() as services:
        page = list_jobs(
            services, chosen, most=limit, newest=ended if newest is None else newest, cursor=after
        )
    if as_json:
        show_json(page.jobs)
    else:
        _show_jobs(page, chosen)
    if page.next_cursor:
        remark(f"There are more: --after {page.next_cursor}")


def _chosen(names: Sequence[str]) -> tuple[JobStatus, ...]:
    """The statuses that are meant; none where any will do."""
    return () if _ALL in names else tuple(dict.fromkeys(JobStatus(name) for name in names))


def _show_jobs(page: JobPage, chosen: JobFilter) -> None:
    told = " or ".join(chosen.statuses)
    of_path = f" of {chosen.path}" if chosen.path else ""
    if not page.jobs:
        say(f"No{f' {told}' if told else ''} jobs{of_path}. --status all looks at those of every status.")
        return
    show_table(
        ("job", "path", "type", "status", "#images", "#failed", "#recoveries", "#age", "why"),
        (
            (
                *(view.job_id, view.path, view.job_type, view.status),
                *(f"{view.completed} of {view.total_images}", view.failed, view.recoveries),
                *(spoken(view.age_s), view.why[:80]),
            )
            for view in page.jobs
        ),
        title=f"{len(page.jobs)}{f' {told}' if told else ''} jobs{of_path}",
    )


def _show_lost(limit: int, *, as_json: bool) -> None:
    with open_services() as services:
        found = lost_jobs(services)
    shown = found[:limit]
    if as_json:
        show_json(shown)
        return
    show_table(
        ("job", "kind", "path", "type", "status", "#images", "#age", "why"),
        (
            (
                *(job.job_id, job.kind, job.path, job.job_type, job.status),
                *(f"{job.completed} of {job.total_images}", spoken(job.age_s), job.reason),
            )
            for job in shown
        ),
        title=f"{len(shown)} of {len(found)} jobs that the sweep leaves alone",
    )
