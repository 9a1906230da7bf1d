"""`quel pause` and `quel resume`: the operator's brake on new images, of one path or of all."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer

from quel.adapters.redis.pause import Pause
from quel.cli.connections import open_database, open_lists
from quel.cli.console import out
from quel.cli.known_paths import known_path

Path = Annotated[str | None, typer.Option(help="Only this path; else everything.", callback=known_path)]


def pause(
    path: Path = None, why: Annotated[str, typer.Option(help="The reason, shown by `quel doctor`.")] = ""
) -> None:
    """Let no image begin; jobs are still fetched and wait. Images under way are finished and stored."""
    with _brake() as brake:
        brake.pause(path, why)
        _tell(brake)


def resume(path: Path = None) -> None:
    """Let images begin again; without --path every pause is lifted."""
    with _brake() as brake:
        brake.resume(path)
        _tell(brake)


@contextmanager
def _brake() -> Iterator[Pause]:
    """With the rows where this environment knows the database; else a worker writes to them."""
    from quel.adapters.postgres.pause import PausedRows
    from quel.settings import settings

    with ExitStack() as stack:
        rows = None
        if settings().database_url:
            rows = PausedRows(stack.enter_context(open_database(settings())))
        yield Pause(open_lists(settings()), rows)


def _tell(brake: Pause) -> None:
    notes = brake.notes()
    for path, note in sorted(notes.items()):
        reason = f": {note['why']}" if note["why"] else "."
        what = "Everything" if path == "*" else path
        out.print(f"{what} is paused since {note['since']}{reason}", highlight=False, markup=False)
    if not notes:
        out.print("Nothing is paused.")
