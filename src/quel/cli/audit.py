"""`quel audit`: compares what was delivered with what was stored, booked, counted and charged."""

from datetime import timedelta
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import err, out, sparingly
from quel.cli.durations import read_duration
from quel.cli.tables import show_json, show_table
from quel.core.operations.balances import UNBOOKED_RISE
from quel.operations.audit import MOST_SUSPECTS, audit


def audit_command(
    since: Annotated[
        timedelta | None,
        typer.Option(
            parser=read_duration, metavar="DURATION", help="Only jobs planned within it: 24h, 7d; else all."
        ),
    ] = None,
    objects: Annotated[bool, typer.Option(help="Also compare the objects in Storage.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Compare objects, attachments, ledger, balances, counters and productions; exits 1 on a difference.

    Credits that came to a balance without a ledger row are told as unbooked_rise, and leave the exit code 0.
    """
    with open_services() as services:
        services.settings.require(
            "DATABASE_URL", *(("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if objects else ())
        )
        tell = sparingly(lambda what, count: f"{count:,} {what} looked through")
        differences = audit(services, objects=objects, since=since, rises=True, tell=tell)
    if as_json:
        show_json(differences)
    elif differences:
        show_table(
            ("kind", "job", "#image", "difference"),
            ((each.kind, each.job_id, each.image, each.message) for each in differences),
            title=f"{len(differences)} differences",
        )
    else:
        out.print("No difference.")
    if len(differences) >= MOST_SUSPECTS:
        err.print(f"More than {MOST_SUSPECTS:,} differences: no further ones were looked for.")
    if any(each.kind != UNBOOKED_RISE for each in differences):
        raise typer.Exit(1)
