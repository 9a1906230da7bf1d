"""`quel watch JOB…`: the progress of jobs, read from their rows, until every one has ended."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from quel.cli.console import err, out

if TYPE_CHECKING:
    from quel.adapters.postgres.browsing_rows import JobView

Look = Callable[[], "list[JobView]"]

_POLL_S = 0.5


def watch(
    jobs: Annotated[list[UUID], typer.Argument(help="The ids of the jobs.", metavar="JOB...")],
) -> None:
    """Show progress until all jobs have ended; 1 if one failed or was cancelled, 2 for an unknown id."""
    from quel.adapters.postgres.browsing_rows import BrowsingRows
    from quel.adapters.postgres.database import Database
    from quel.settings import settings

    settings().require("DATABASE_URL")
    rows = BrowsingRows(Database(settings().database_url, pool_size=1), settings().default_path)
    known = {view.job_id for view in rows.jobs_by_id(jobs)}
    unknown = [str(job_id) for job_id in jobs if job_id not in known]
    if unknown:
        err.print(f"There is no job {', '.join(unknown)}.")
        raise typer.Exit(2)
    ended = follow(lambda: rows.jobs_by_id(jobs))
    for view in ended:
        if view.error_message:
            err.print(f"{view.job_id}: {view.error_message}", highlight=False, markup=False)
    if any(view.status != "completed" for view in ended):
        raise typer.Exit(1)


def follow(look: Look) -> "list[JobView]":
    """Shows what `look` returns, as bars on a terminal and as lines elsewhere, until all jobs have ended."""
    return _bars(look) if sys.stdout.isatty() else _lines(look)


def _bars(look: Look) -> "list[JobView]":
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out) as progress:
        views = look()
        tasks = {
            view.job_id: progress.add_task(_name(view), total=view.total_images, status=view.status)
            for view in views
        }
        while True:
            for view in views:
                progress.update(
                    tasks[view.job_id],
                    completed=view.completed + view.failed,
                    total=max(view.total_images, 1),
                    status=view.status,
                )
                if view.has_ended:
                    progress.stop_task(tasks[view.job_id])
            if all(view.has_ended for view in views):
                return views
            time.sleep(_POLL_S)
            views = look()


def _lines(look: Look) -> "list[JobView]":
    told: dict[UUID, str] = {}
    while True:
        views = look()
        for view in views:
            failed = f", {view.failed} failed" if view.failed else ""
            line = f"{_name(view)}: {view.status}, {view.completed} of {view.total_images}{failed}"
            if told.get(view.job_id) != line:
                told[view.job_id] = line
                out.print(line, highlight=False, markup=False)
        if all(view.has_ended for view in views):
            return views
        time.sleep(_POLL_S)


def _name(view: "JobView") -> str:
    return f"{view.job_id} {view.path} {view.job_type}"
