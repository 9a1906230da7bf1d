"""`quel actions`: who did what, from where, and how it ended."""

from datetime import timedelta
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import say
from quel.cli.durations import read_duration
from quel.cli.tables import show_json, show_table
from quel.operations.action_log import latest_actions


def actions(
    since: Annotated[
        timedelta | None,
        typer.Option(parser=read_duration, metavar="DURATION", help="Only acts within it: 2h, 7d."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the latest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show who did what: retries, cancellations, pauses, dead letters, submissions. Kept for 400 days.

    Who acts is QUEL_ACTOR, else the user's name at the host's.
    """
    with open_services() as services:
        found = latest_actions(services, since=since, most=limit)
    if as_json:
        show_json(found)
    elif not found:
        say("Nobody has done anything in that time.")
    else:
        show_table(
            ("at", "who", "from", "what", "job", "to", "outcome", "told"),
            (
                (
                    *(f"{each.at:%Y-%m-%d %H:%M:%S}", each.actor, each.channel, each.verb, each.job_id),
                    ", ".join(f"{name} {value}" for name, value in each.target.items() if value is not None),
                    *(each.outcome, each.detail),
                )
                for each in found
            ),
        )
