"""Writes docs/commands.md from the command line itself.

Run `python docs/write_commands.py` after changing a verb; a test fails while the page is old.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from quel.cli import app

PAGE = Path(__file__).with_name("commands.md")

INTRODUCTION = """# Commands

Three programs run quel: `dramatiq quel.actors` (all actor groups, or some with `-Q`), `periodiq quel.actors`
(the scheduler) and `alembic upgrade head` (the schema). Everything else is a verb of `quel`, from the root of
the repository and with the same environment.

Exit codes: 0 done and well; 1 what was asked about is not well; 2 wrong usage or a missing setting.

This page is written by `python docs/write_commands.py`.
"""


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every verb with its full name; a group's verbs one by one."""
    for verb, child in command.commands.items():
        if hasattr(child, "commands"):
            yield from commands(child, f"{name} {verb}")
        else:
            yield f"{name} {verb}", child


def cell(text: str) -> str:
    """`text` on one line, with its bars kept from ending the cell."""
    return " ".join(text.split()).replace("|", r"\|")


def section(name: str, command: Any) -> str:
    """What a verb does, how it is called, what it takes."""
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [f"| `{cell(what)}` | {cell(meaning)} |\n" for what, meaning in filter(None, records)]
    table = "\n| takes | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## {name}\n\n{' '.join((command.help or '').split())}\n\n```\n{usage}\n```\n{table}"


def page() -> str:
    """The page."""
    verbs = commands(typer.main.get_command(app), "quel")
    return INTRODUCTION + "".join(section(name, command) for name, command in verbs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
