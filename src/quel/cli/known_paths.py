"""Path names on the command line: one that does not exist is wrong usage and names those that do."""

import typer

from quel.core.paths import PATHS


def known_path(path: str | None) -> str | None:
    """The path's name in lower case. Raises BadParameter (exit code 2) for one that is none."""
    if path is None:
        return None
    name = path.strip().lower()
    if name not in PATHS:
        raise typer.BadParameter(f'There is no path "{path}"; the paths are {", ".join(sorted(PATHS))}.')
    return name
