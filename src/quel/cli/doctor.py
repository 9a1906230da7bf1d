"""`quel doctor`: a line a check on everything quel depends on, with what to do where it is not well.

Exits 0 where nothing is in trouble (notes are no trouble), 2 where a setting is missing, else 1.
"""

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from quel.cli.console import out
from quel.core.errors import SettingsError
from quel.core.operations.doctor import Finding, State, ok, trouble

if TYPE_CHECKING:
    from quel.settings import Settings

_MARKS = {State.OK: "[green]ok     [/]", State.NOTE: "[yellow]note   [/]", State.TROUBLE: "[red]trouble[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check settings, database, Redis, Storage, Gemini and what holds images back.

    Exits 1 when something is in trouble, 2 when a setting is missing; notes leave it 0. One small object is
    put into the bucket and removed again; no image is made.
    """
    from quel.cli.checkup import examine
    from quel.services import Services
    from quel.settings import settings

    missing = _missing(settings())
    with closing(Services(settings(), patient=False)) as world:
        findings = [missing or ok("Settings", "every one that is required is there"), *examine(world)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            line = f"{_MARKS[finding.state]} {escape(f'{finding.check}: {finding.message}')}"
            out.print(line, highlight=False, soft_wrap=True)
    if any(finding.state is State.TROUBLE for finding in findings):
        raise typer.Exit(2 if missing else 1)


def _missing(settings: "Settings") -> Finding | None:
    """The settings that every pipeline needs and this environment lacks, by name."""
    from quel.settings import REQUIRED

    try:
        settings.require(*REQUIRED)
    except SettingsError as error:
        return trouble("Settings", str(error))
    return None
