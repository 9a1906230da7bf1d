"""`quel jobs`: which jobs wait, run or have ended, oldest first; or which ones the sweep leaves alone."""

from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import stop
from quel.cli.durations import spoken
from quel.cli.known_paths import known_path
from quel.cli.tables import show_json, show_table
from quel.core.job import JobStatus
from quel.operations.job_list import list_jobs, lost_jobs


def jobs(
    path: Annotated[str | None, typer.Option(help="Only jobs of this path.", callback=known_path)] = None,
    status: Annotated[
        JobStatus | None, typer.Option(help="Only jobs of this status; pending when not said.")
    ] = None,
    lost: Annotated[
        bool,
        typer.Option("--lost", help="Instead the open jobs that the sweep leaves alone, with the reason."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the jobs as JSON.")] = False,
) -> None:
    """List jobs, the oldest first; a job without a path counts as one of the default path."""
    if lost:
        if path is not None or status is not None:
            stop("--lost lists jobs of every path and status: leave --path and --status out.")
        _show_lost(limit, as_json=as_json)
    else:
        _show_jobs(path, status or JobStatus.PENDING, limit, as_json=as_json)


def _show_jobs(path: str | None, status: JobStatus, limit: int, *, as_json: bool) -> None:
    with open_services() as services:
        views = list_jobs(services, path=path, status=status, most=limit)
    if as_json:
        show_json(views)
        return
    show_table(
        ("job", "path", "type", "status", "#images", "#failed", "#recoveries", "#age"),
        (
            (
                view.job_id,
                view.path,
                view.job_type,
                view.status,
                f"{view.completed} of {view.total_images}",
                view.failed,
                view.recoveries,
                spoken(view.age_s),
            )
            for view in views
        ),
        title=f"{len(views)} {status} jobs" + (f" of {path}" if path else ""),
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
