"""Sends the messages that make the workers look at a job, the way the actors themselves send them."""

from quel.cli.console import err
from quel.core.errors import NeighbourDown
from quel.core.steps import Nudge


def nudge(*nudges: Nudge) -> None:
    """Sends the messages; when Redis does not take them, says that the sweep will find the job."""
    from quel.actors.pipeline import send

    try:
        send(nudges)
    except NeighbourDown as error:
        err.print(f"{error} The rows are written: the next sweep takes the job up.", highlight=False)
