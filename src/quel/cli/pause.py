"""`quel pause` and `quel resume`: the operator's brake on new images, of one path or of all."""

from collections.abc import Sequence
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import out
from quel.cli.known_paths import known_path
from quel.cli.tables import show_json
from quel.operations import pause as operation
from quel.operations.pause import PausedPath

AsJson = Annotated[bool, typer.Option("--json", help="Print what is paused then as JSON.")]
Path = Annotated[str | None, typer.Option(help="Only this path; else everything.", callback=known_path)]


def pause(
    path: Path = None,
    why: Annotated[str, typer.Option(help="The reason, shown by `quel doctor`.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let no image begin; jobs are still fetched and wait. Images under way are finished and stored."""
    with open_services() as services:
        _tell(operation.pause(services, path, why), as_json=as_json)


def resume(path: Path = None, as_json: AsJson = False) -> None:
    """Let images begin again; without --path every pause is lifted."""
    with open_services() as services:
        _tell(operation.resume(services, path), as_json=as_json)


def _tell(paused: Sequence[PausedPath], *, as_json: bool) -> None:
    if as_json:
        show_json({"ok": True, "paused": paused})
        return
    for each in paused:
        reason = f": {each.why}" if each.why else "."
        what = each.path or "Everything"
        out.print(f"{what} is paused since {each.since}{reason}", highlight=False, markup=False)
    if not paused:
        out.print("Nothing is paused.")
