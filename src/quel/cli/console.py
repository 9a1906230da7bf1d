"""Where verbs write: data to standard output, everything said beside it to standard error."""

from rich.console import Console

out = Console()
err = Console(stderr=True)
