"""`quel jobs`: which jobs wait, run or have ended, oldest first."""

from typing import Annotated

import typer

from quel.cli.connections import browsing_rows, open_database
from quel.cli.durations import spoken
from quel.cli.known_paths import known_path
from quel.cli.tables import show_json, show_table
from quel.core.job import JobStatus


def jobs(
    path: Annotated[str | None, typer.Option(help="Only jobs of this path.", callback=known_path)] = None,
    status: Annotated[JobStatus, typer.Option(help="Only jobs of this status.")] = JobStatus.PENDING,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the jobs as JSON.")] = False,
) -> None:
    """List jobs, the oldest first; a job without a path counts as one of the default path."""
    from quel.settings import settings

    with open_database(settings()) as database:
        views = browsing_rows(database, settings()).jobs(path=path, status=status, most=limit)
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
