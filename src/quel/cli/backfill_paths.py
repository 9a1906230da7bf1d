"""`quel backfill-paths`: writes the path that a null path counts for, in small batches, while quel runs."""

from typing import Annotated

import typer

from quel.cli.connections import open_database
from quel.cli.console import out


def backfill_paths(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; change nothing.")] = False,
) -> None:
    """Write the path where quel_production_path is null: the production's or job's, else the default.

    Rows that somebody writes at that moment are passed over; then it exits 1 and is to be run again.
    """
    from quel.adapters.postgres.operations.backfill_paths import BackfillPathsRows
    from quel.settings import settings

    with open_database(settings()) as database:
        rows = BackfillPathsRows(database, settings().default_path)
        if dry_run:
            jobs, productions = rows.without_path()
            out.print(f"{jobs} jobs and {productions} productions have no path.")
            return
        jobs, productions = rows.backfill_jobs(), rows.backfill_productions()
        left = sum(rows.without_path())
    out.print(f"{jobs} jobs and {productions} productions have their path now.")
    if left:
        out.print(f"{left} rows were being written meanwhile: run it again.")
        raise typer.Exit(1)
