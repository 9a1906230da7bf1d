"""`quel dead …`: messages that failed for good and entries that ingest rejected, to send again or drop."""

from collections.abc import Sequence
from typing import Annotated

import typer

from quel.cli.connections import open_services
from quel.cli.console import out, say, stop
from quel.cli.tables import show_json, show_table
from quel.cli.words import one_of
from quel.core.operations.dead_letters import DeadLetter
from quel.core.operations.rejected import Rejected
from quel.core.pipeline import Step
from quel.operations.dead_letters import Chosen, Moved, dead_letters, drop_letters, requeue_letters
from quel.operations.rejected import drop_rejected, push_rejected, rejected_entries

dead = typer.Typer(no_args_is_help=True, help="Look at what failed for good; send it again or drop it.")

Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of dead letters; their beginnings do.", metavar="ID...")
]
Queue = Annotated[
    Step | None,
    typer.Option(parser=one_of(Step), metavar="QUEUE", help="Only those of this queue."),
]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dead.command("list")
def list_letters(queue: Queue = None, as_json: AsJson = False) -> None:
    """List dead letters: which job and image, after how many retries, since when and why."""
    with open_services() as services:
        letters = dead_letters(services, Chosen(queue=queue, everything=True))
    if as_json:
        show_json([_facts(letter) for letter in letters])
        return
    show_table(
        ("queue", "id", "job", "#image", "#retries", "died at", "error"),
        (
            (
                *(letter.queue, letter.id[:8], letter.job_id, letter.image_no, letter.retries),
                *(f"{letter.died_at:%Y-%m-%d %H:%M:%S}", letter.error),
            )
            for letter in letters
        ),
        title=f"{len(letters)} dead letters",
    )


@dead.command()
def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one dead letter with the traceback of its last retry."""
    with open_services() as services:
        (letter,) = dead_letters(services, Chosen([letter_id]))
    if as_json:
        show_json(_facts(letter) | {"traceback": letter.traceback})
        return
    for name, value in _facts(letter).items():
        say(f"{name}: {value}")
    out.print(letter.traceback or "No try before the last left a traceback.", highlight=False, markup=False)


@dead.command()
def requeue(ids: Ids = None, queue: Queue = None, everything: All = False, as_json: AsJson = False) -> None:
    """Send dead letters again, as new: those named, those of a queue, or all."""
    with open_services() as services:
        moved = requeue_letters(services, _chosen(ids, queue, everything=everything))
    _tell(moved, "sent again", as_json=as_json)


@dead.command()
def drop(ids: Ids = None, queue: Queue = None, everything: All = False, as_json: AsJson = False) -> None:
    """Forget dead letters: those named, those of a queue, or all."""
    with open_services() as services:
        moved = drop_letters(services, _chosen(ids, queue, everything=everything))
    _tell(moved, "dropped", as_json=as_json)


@dead.command()
def rejected(
    push: Annotated[bool, typer.Option("--push", help="Push those that are job ids again.")] = False,
    forget: Annotated[bool, typer.Option("--drop", help="Drop all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what ingest rejected: junk, and ids of no job; push the ids again, or drop everything."""
    if push and forget:
        stop("Choose --push or --drop, not both.")
    with open_services() as services:
        if push:
            done = push_rejected(services)
            if as_json:
                show_json({"ok": True, "pushed": done.pushed, "found": done.found, "queue": done.queue})
                return
            out.print(f"{done.pushed} of {done.found} entries were job ids and are on {done.queue} again.")
        elif forget:
            dropped = drop_rejected(services)
            if as_json:
                show_json({"ok": True, "dropped": dropped})
            else:
                out.print(f"{dropped} entries dropped.")
        else:
            _show_rejected(rejected_entries(services), as_json=as_json)


def _show_rejected(found: Sequence[Rejected], *, as_json: bool) -> None:
    if as_json:
        show_json(
            [
                {"at": e.at, "list": e.source, "reason": e.reason, "bytes": e.size_bytes, "entry": e.entry}
                for e in found
            ]
        )
        return
    show_table(
        ("at", "list", "reason", "#bytes", "entry"),
        ((each.at, each.source, each.reason, each.size_bytes, each.entry[:80]) for each in found),
        title=f"{len(found)} rejected entries",
    )


def _facts(letter: DeadLetter) -> dict[str, object]:
    return {
        "queue": letter.queue,
        "id": letter.id,
        "actor": letter.actor,
        "job_id": letter.job_id,
        "image_no": letter.image_no,
        "retries": letter.retries,
        "died_at": letter.died_at,
        "error": letter.error,
    }


def _chosen(ids: Sequence[str] | None, queue: Step | None, *, everything: bool) -> Chosen:
    """The letters meant; exits with 2 where none is named."""
    if not ids and queue is None and not everything:
        stop("Say which: ids, --queue or --all.")
    return Chosen(ids or (), queue, everything)


def _tell(moved: Moved, done: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"ok": not moved.gone, "done": moved.done, "gone": moved.gone})
        return
    gone = f", {moved.gone} were gone already." if moved.gone else "."
    out.print(f"{moved.done} dead letters {done}{gone}")
