"""Where verbs write: data to standard output, everything said beside it to standard error."""

from typing import NoReturn

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)


def stop(sentence: str) -> NoReturn:
    """Ends the verb as wrongly used: the sentence on standard error, exit code 2."""
    err.print(sentence, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(2)
