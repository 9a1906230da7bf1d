"""Where verbs write: data to standard output, everything said beside it to standard error."""

import time
from collections.abc import Callable
from typing import NoReturn

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)

_PROGRESS_EVERY_S = 5.0


def say(sentence: str) -> None:
    """A sentence on standard output, as it is: nothing in it is markup, and no line is folded."""
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def remark(sentence: str | None) -> None:
    """A sentence beside the data, on standard error; None says nothing."""
    if sentence is not None:
        err.print(sentence, highlight=False, markup=False, soft_wrap=True)


def sparingly(sentence: Callable[..., str]) -> Callable[..., None]:
    """Remarks the sentence that is made of what it is told, at most every few seconds."""
    said_at = time.monotonic()

    def tell(*progress: object) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= _PROGRESS_EVERY_S:
            said_at = time.monotonic()
            remark(sentence(*progress))

    return tell


def stop(sentence: str) -> NoReturn:
    """Ends the verb as wrongly used: the sentence on standard error, exit code 2."""
    remark(sentence)
    raise typer.Exit(2)
