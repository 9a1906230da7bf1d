"""`quel backfill-paths`: writes the path that a null path counts for, in small batches, while quel runs."""

from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import out
from quel.cli.tables import show_json
from quel.operations import backfill_paths as operation


def backfill_paths(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Write the path where quel_production_path is null: the production's or job's, else the default.

    Rows that somebody writes at that moment are passed over; then it exits 1 and is to be run again.
    """
    with open_services() as services:
        if dry_run:
            found = operation.count_without_path(services)
            if as_json:
                show_json({"ok": True, "dry_run": True, "jobs": found.jobs, "productions": found.productions})
                return
            out.print(f"{found.jobs} jobs and {found.productions} productions have no path.")
            return
        filled = operation.backfill_paths(services)
    if as_json:
        facts = {"jobs": filled.jobs, "productions": filled.productions, "left": filled.left}
        show_json({"ok": not filled.left, "dry_run": False} | facts)
    else:
        _tell(filled)
    if filled.left:
        raise typer.Exit(1)


def _tell(filled: operation.PathCounts) -> None:
    out.print(f"{filled.jobs} jobs and {filled.productions} productions have their path now.")
    if filled.left:
        out.print(f"{filled.left} rows were being written meanwhile: run it again.")
