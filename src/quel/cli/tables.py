"""How verbs show what they found: a table for people, or JSON alone on standard output for a machine."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quel.cli.console import out

_WIDE = 220  # characters: piped output is not folded at the 80 a missing terminal would count as


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Prints rows under `columns`; a column whose name begins with # is a number and right-aligned."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")
    for row in rows:
        table.add_row(*(escaped(cell) for cell in row))
    (out if out.is_terminal else Console(width=_WIDE)).print(table)


def escaped(cell: object) -> str:
    """A cell's text, with nothing in it read as markup; None is empty."""
    return "" if cell is None else escape(str(cell))


def show_json(value: object) -> None:
    """Prints dataclasses, ids, times and what JSON knows, as one JSON document."""
    print(as_json_text(value), flush=True)


def as_json_text(value: object) -> str:
    """The same as text, on one line."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")
