"""Where verbs write: data to standard output, everything said beside it to standard error."""

from typing import NoReturn

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)


def say(sentence: str) -> None:
    """A sentence on standard output, as it is: nothing in it is markup, and no line is folded."""
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def remark(sentence: str | None) -> None:
    """A sentence beside the data, on standard error; None says nothing."""
    if sentence is not None:
        err.print(sentence, highlight=False, markup=False, soft_wrap=True)


def stop(sentence: str) -> NoReturn:
    """Ends the verb as wrongly used: the sentence on standard error, exit code 2."""
    remark(sentence)
    raise typer.Exit(2)
