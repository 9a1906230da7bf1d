"""What is asked of many jobs at once: what it comes to is said first, and nothing is done without a yes.

`quel bulk …` looks after what was begun: it goes on in the workers where the verb that began it has died.
"""

import sys
from typing import Annotated
from uuid import UUID

import typer

from quel.cli.connections import open_services
from quel.cli.console import err, remark, say, stop
from quel.cli.tables import show_json, show_table
from quel.cli.words import read_id
from quel.core.operations.bulk import MOST_AT_ONCE, Bulk, BulkAction, BulkEstimate, BulkOrder
from quel.operations.bulk import begin_bulk, estimate_bulk, find_bulk, latest_bulks, stop_bulk, work_off
from quel.operations.services import OperatorServices

bulk = typer.Typer(no_args_is_help=True, help="Look at what was asked of many jobs at once; stop it.")

_WHAT = {BulkAction.RETRY: "To be made again", BulkAction.CANCEL: "To be cancelled"}

Id = Annotated[UUID, typer.Argument(parser=read_id, metavar="ID", help="The id that was told.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS",
        help="Instead all jobs that these words mean: path= status= type= org= member= reason= since= (7d).",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --where: only say what it comes to.")]
Yes = Annotated[bool, typer.Option("--yes", help="With --where: do not ask.")]


@bulk.command("list")
def show_all(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was asked of many jobs at once, and how far it has come; kept for 90 days."""
    with open_services() as services:
        found = latest_bulks(services, most=limit)
    if as_json:
        show_json(found)
    elif not found:
        say("Nothing has been asked of many jobs at once.")
    else:
        show_table(
            ("id", "at", "what", "by", "#jobs", "#looked at", "#done", "state"),
            (
                (
                    *(each.bulk_id, f"{each.created_at:%Y-%m-%d %H:%M:%S}", each.action, each.actor),
                    *(each.jobs, each.position, each.done, _state(each)),
                )
                for each in found
            ),
        )


@bulk.command()
def show(bulk_id: Id, as_json: AsJson = False) -> None:
    """Show one act: how far it has come, and for how many jobs it could not be done and why."""
    with open_services() as services:
        found = find_bulk(services, bulk_id)
    if as_json:
        show_json(found)
    else:
        _tell_end(found)


@bulk.command("stop")
def end(bulk_id: Id, as_json: AsJson = False) -> None:
    """Stop an act: what has been begun is finished, nothing more is; exits 1 where it has ended."""
    with open_services() as services:
        found = stop_bulk(services, bulk_id)
    if as_json:
        show_json({"ok": True, "bulk": found})
    else:
        _tell_end(found)


def ask_and_do(order: BulkOrder, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Says what it comes to, asks, and does it; exits 1 where a job was declined, 2 without a yes."""
    with open_services() as services:
        found = estimate_bulk(services, order)
        if not as_json:
            _tell_estimate(found, order.action)
        if dry_run or not found.job_ids:
            if as_json:
                show_json({"ok": True, "dry_run": dry_run, **_facts(found)})
            return
        if not yes:
            _confirm(len(found.job_ids))
        ended = _do(services, order, found)
    others = _sum(found.declined, ended.others)
    if as_json:
        done = {"bulk_id": ended.bulk_id, "done": ended.done, "others": others, "stopped": ended.stopped}
        show_json({"ok": not others and not ended.stopped, "dry_run": False, **_facts(found), **done})
    else:
        _tell_end(ended)
    if others or ended.stopped:
        raise typer.Exit(1)


def _do(services: OperatorServices, order: BulkOrder, found: BulkEstimate) -> Bulk:
    """Works it off here; Ctrl-C stops it."""
    begun = begin_bulk(services, order, found)
    err.print(f"Act {begun.bulk_id}: Ctrl-C stops it.", highlight=False)
    try:
        while work_off(services, begun.bulk_id, tell=_tell_position):
            pass
    except KeyboardInterrupt:
        return stop_bulk(services, begun.bulk_id)
    return find_bulk(services, begun.bulk_id)


def _facts(found: BulkEstimate) -> dict[str, object]:
    told = {"jobs": len(found.job_ids), "images": found.images, "credits": found.credits}
    return told | {"cost_usd": found.cost_usd, "declined": found.declined, "more": found.more}


def _tell_estimate(found: BulkEstimate, action: BulkAction) -> None:
    say(
        f"{_WHAT[action]}: {len(found.job_ids):,} jobs with {found.images:,} images,"
        f" at most {found.credits:,} credits and about US$ {found.cost_usd:,.2f}."
    )
    _tell_others(found.declined)
    if found.more:
        remark(f"Only the oldest {MOST_AT_ONCE:,} are looked at: do it again for the rest, or narrow it.")


def _tell_end(ended: Bulk) -> None:
    say(f"{ended.action} {_state(ended)}: done for {ended.done:,} of {ended.jobs:,} jobs.")
    _tell_others(ended.others)


def _tell_others(others: dict[str, int]) -> None:
    for reason, number in sorted(others.items(), key=lambda each: -each[1]):
        remark(f"{number:,} not: {reason}")


def _state(each: Bulk) -> str:
    if each.ended_at is None:
        return "under way"
    return "was stopped" if each.stopped else "has ended"


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {reason: first.get(reason, 0) + second.get(reason, 0) for reason in {**first, **second}}


def _confirm(jobs: int) -> None:
    if not sys.stdin.isatty():
        stop("Nothing is done: say --yes, or --dry-run to see what it comes to.")
    if not typer.confirm(f"Do it for these {jobs:,} jobs?", err=True):
        stop("Nothing is done.")


def _tell_position(position: int) -> None:
    if position % 100 == 0:
        err.print(f"{position:,} jobs looked at", highlight=False)
