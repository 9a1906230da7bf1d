"""`quel look`: what the check before the charge sees in a picture."""

from pathlib import Path
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import remark, say, stop
from quel.cli.tables import show_json, show_table
from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.errors import TakeUnchecked
from quel.operations.look import Looked, look_at


def look(
    files: Annotated[
        list[Path], typer.Argument(help="The picture; files after it are references.", metavar="FILE")
    ],
    against: Annotated[
        list[Path] | None, typer.Option(help="A reference it was made from; may be repeated.", metavar="REF")
    ] = None,
    beside: Annotated[
        list[Path] | None, typer.Option(help="A kept picture of the same item; may be repeated.")
    ] = None,
    ratio: Annotated[
        str | None, typer.Option(help="The aspect ratio that was ordered, as 16:9; else it is not judged.")
    ] = None,
    near: Annotated[bool, typer.Option("--near", help="A near copy was ordered, as a retouch is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print scores and faults as JSON.")] = False,
) -> None:
    """Show what the check sees in a picture: scores and limits, without a network; exits 1 for a fault."""
    pictures = [_read(path) for path in files]
    with open_services() as services:
        try:
            found = look_at(
                services,
                pictures[0],
                references=[*map(_read, against or ()), *pictures[1:]],
                siblings=[*map(_read, beside or ())],
                aspect_ratio=_ratio(ratio),
                may_stay_near=near,
            )
        except TakeUnchecked as error:
            stop(f"One of the files is no picture that can be read. {error}")
    if as_json:
        show_json(found)
    else:
        _show(found)
    if found.faults:
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        stop(f"{path} cannot be read ({error.strerror}).")


def _ratio(words: str | None) -> AspectRatio | None:
    if words is None:
        return None
    known = {str(ratio): ratio for ratio in GRID_SIZES_PX}
    if words.strip() not in known:
        stop(f'"{words}" is none of {", ".join(known)}.')
    return known[words.strip()]


def _show(found: Looked) -> None:
    show_table(
        ("kind", "#score", "#limit", "verdict"),
        ((each.reason, each.score, each.limit, "fault" if each.is_fault else "") for each in found.scores),
    )
    if found.nearest:
        say(f"Nearest to reference {found.nearest}, {found.difference:.1f} levels of 255 from it.")
    remark(f"Looked for {found.cpu_ms} ms of CPU.")
