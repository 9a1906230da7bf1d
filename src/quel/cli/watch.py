"""`quel watch JOB…`: the progress of jobs, read from their rows, until every one has ended."""

import sys
import time
from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from quel.cli.connections import open_services
from quel.cli.console import out, remark
from quel.cli.tables import as_json_text
from quel.core.job import JobStatus
from quel.core.operations.job_list import JobView
from quel.operations.job_list import find_jobs, job_ids_named, jobs_named

Look = Callable[[], list[JobView]]

_POLL_S = 0.5


def watch(
    jobs: Annotated[list[str], typer.Argument(help="Their ids, or how they begin.", metavar="JOB...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON a change.")] = False,
) -> None:
    """Show progress until all jobs have ended.

    Exits 0 when all completed, 1 when one failed or was cancelled, 2 for an id that no job has.
    """
    with open_services() as services:
        job_ids = job_ids_named(services, jobs)
        known = {view.job_id for view in jobs_named(services, job_ids)}
        ended = follow(lambda: find_jobs(services, job_ids), as_json=as_json)
    for view in ended:
        if view.error_message:
            remark(f"{view.job_id}: {view.error_message}")
    vanished = known - {view.job_id for view in ended}
    for job_id in vanished:
        remark(f"{job_id}: its row was deleted meanwhile.")
    if vanished or any(view.status != JobStatus.COMPLETED for view in ended):
        raise typer.Exit(1)


def follow(look: Look, *, as_json: bool = False) -> list[JobView]:
    """Shows what `look` returns, as bars on a terminal and as lines elsewhere, until all jobs have ended."""
    if as_json:
        return _lines(look, json_line)
    return _bars(look) if sys.stdout.isatty() else _lines(look, _line)


def _bars(look: Look) -> list[JobView]:
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
            view.job_id: progress.add_task(
                _name(view, id_length=8), total=view.total_images, status=view.status
            )
            for view in views
        }
        while True:
            for view in views:
                _move(progress, tasks[view.job_id], view)
            if all(view.has_ended for view in views):
                return views
            time.sleep(_POLL_S)
            views = look()


def _move(progress: Progress, task: TaskID, view: JobView) -> None:
    progress.update(
        task, completed=view.completed + view.failed, total=max(view.total_images, 1), status=view.status
    )
    if view.has_ended:
        progress.stop_task(task)


def _line(view: JobView) -> str:
    failed = f", {view.failed} failed" if view.failed else ""
    return f"{_name(view)}: {view.status}, {view.completed} of {view.total_images}{failed}"


def json_line(view: JobView) -> str:
    """What may change of a job, as one line of JSON."""
    return as_json_text(
        {
            "job_id": view.job_id,
            "status": view.status,
            "completed": view.completed,
            "failed": view.failed,
            "total": view.total_images,
            "ended": view.has_ended,
            "why": view.error_message,
        }
    )


def _lines(look: Look, line_of: Callable[[JobView], str]) -> list[JobView]:
    told: dict[UUID, str] = {}
    while True:
        views = look()
        for view in views:
            line = line_of(view)
            if told.get(view.job_id) != line:
                told[view.job_id] = line
                print(line, flush=True)
        if all(view.has_ended for view in views):
            return views
        time.sleep(_POLL_S)


def _name(view: JobView, id_length: int = 36) -> str:
    return f"{str(view.job_id)[:id_length]} {view.path} {view.job_type}"
