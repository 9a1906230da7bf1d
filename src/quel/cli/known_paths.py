"""Path names on the command line: one that does not exist is wrong usage and names those that do."""

import typer

from quel.core.kinds import ALL_PATHS


def known_path(path: str | None) -> str | None:
    """The path's name in lower case. Raises BadParameter (exit code 2) for one that is none."""
    if path is None:
        return None
    name = path.strip().lower()
    if name not in ALL_PATHS:
        raise typer.BadParameter(f'There is no path "{path}"; the paths are {", ".join(sorted(ALL_PATHS))}.')
    return name
