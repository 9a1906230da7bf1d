"""`quel backfill-paths`: writes the path that a null path counts for, in small batches, while quel runs."""

from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import out
from quel.operations import backfill_paths as operation


def backfill_paths(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; change nothing.")] = False,
) -> None:
    """Write the path where quel_production_path is null: the production's or job's, else the default.

    Rows that somebody writes at that moment are passed over; then it exits 1 and is to be run again.
    """
    with open_services() as services:
        if dry_run:
            found = operation.count_without_path(services)
            out.print(f"{found.jobs} jobs and {found.productions} productions have no path.")
            return
        filled = operation.backfill_paths(services)
    out.print(f"{filled.jobs} jobs and {filled.productions} productions have their path now.")
    if filled.left:
        out.print(f"{filled.left} rows were being written meanwhile: run it again.")
        raise typer.Exit(1)
