"""`quel doctor`: a line a check on everything quel depends on, with what to do where it is not well.

Exits 0 where nothing is in trouble (notes are no trouble), 2 where a setting is missing, else 1.
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from quel.cli.connections import open_services
from quel.cli.console import out
from quel.core.operations.doctor import SETTINGS, State

_MARKS = {State.OK: "[green]ok     [/]", State.NOTE: "[yellow]note   [/]", State.TROUBLE: "[red]trouble[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check settings, database, Redis, Storage, Gemini and what holds images back.

    Exits 1 when something is in trouble, 2 when a setting is missing; notes leave it 0. One small object is
    put into the bucket and removed again; no image is made.
    """
    from quel.operations.doctor import examine  # asks everything, and so imports every neighbour's library

    with open_services() as services:
        findings = list(examine(services))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            line = f"{_MARKS[finding.state]} {escape(f'{finding.check}: {finding.message}')}"
            out.print(line, highlight=False, soft_wrap=True)
    in_trouble = {finding.check for finding in findings if finding.state is State.TROUBLE}
    if in_trouble:
        raise typer.Exit(2 if SETTINGS in in_trouble else 1)
