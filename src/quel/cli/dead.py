"""`quel dead …`: messages that failed for good and entries that ingest set aside, to send again or drop."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from quel.adapters.redis.dead_letters import DeadLetter, DeadLetters
from quel.adapters.redis.rejected import Rejected, RejectedEntries
from quel.cli.connections import open_broker, open_lists
from quel.cli.console import out, stop
from quel.cli.tables import show_json, show_table
from quel.core.pipeline import Step

dead = typer.Typer(no_args_is_help=True, help="Look at what failed for good; send it again or drop it.")

Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of dead letters; their beginnings do.", metavar="ID...")
]
Queue = Annotated[Step | None, typer.Option(help="Only those of this queue.")]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dead.command("list")
def list_letters(queue: Queue = None, as_json: AsJson = False) -> None:
    """List dead letters: which job and image, after how many retries, since when and why."""
    letters = _letters().letters(queue)
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
    (letter,) = _chosen(_letters(), [letter_id], None, everything=False)
    if as_json:
        show_json(_facts(letter) | {"traceback": letter.traceback})
        return
    for name, value in _facts(letter).items():
        out.print(f"{name}: {value}", highlight=False, markup=False, soft_wrap=True)
    out.print(letter.traceback or "No try before the last left a traceback.", highlight=False, markup=False)


@dead.command()
def requeue(ids: Ids = None, queue: Queue = None, everything: All = False) -> None:
    """Send dead letters again, as new: those named, those of a queue, or all."""
    letters = _letters()
    _do(_chosen(letters, ids, queue, everything=everything), letters.requeue, "sent again")


@dead.command()
def drop(ids: Ids = None, queue: Queue = None, everything: All = False) -> None:
    """Forget dead letters: those named, those of a queue, or all."""
    letters = _letters()
    _do(_chosen(letters, ids, queue, everything=everything), letters.drop, "dropped")


@dead.command()
def rejected(
    push: Annotated[bool, typer.Option("--push", help="Push those that are job ids again.")] = False,
    forget: Annotated[bool, typer.Option("--drop", help="Drop all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what ingest set aside: junk, and ids of no job; push the ids again, or drop everything."""
    from quel.settings import settings

    entries = RejectedEntries(open_lists(settings()))
    found = entries.entries()
    if push and forget:
        stop("Choose --push or --drop, not both.")
    if push:
        pushed = sum(entries.push_again(each, settings().ingest_queues[0]) for each in found)
        out.print(
            f"{pushed} of {len(found)} entries were job ids and are on {settings().ingest_queues[0]} again."
        )
    elif forget:
        out.print(f"{sum(entries.drop(each) for each in found)} entries dropped.")
    else:
        _show_rejected(found, as_json=as_json)


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
        title=f"{len(found)} entries set aside",
    )


def _letters() -> DeadLetters:
    from quel.settings import settings

    return DeadLetters(open_broker(settings()))


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


def _chosen(
    letters: DeadLetters, ids: Sequence[str] | None, queue: Step | None, *, everything: bool
) -> list[DeadLetter]:
    """The letters meant; exits with 2 where none is named, or one that is unknown or ambiguous."""
    if not ids:
        if queue is None and not everything:
            stop("Say which: ids, --queue or --all.")
        return letters.letters(queue)
    found = letters.letters(queue)
    return [_only([letter for letter in found if letter.id.startswith(id_)], id_) for id_ in ids]


def _only(matches: Sequence[DeadLetter], id_: str) -> DeadLetter:
    if len(matches) != 1:
        stop(
            f'There is no dead letter "{id_}".'
            if not matches
            else f'"{id_}" is the beginning of several ids.'
        )
    return matches[0]


def _do(chosen: Sequence[DeadLetter], act: Callable[[DeadLetter], bool], done: str) -> None:
    count = sum(act(letter) for letter in chosen)
    gone = len(chosen) - count
    out.print(f"{count} dead letters {done}" + (f", {gone} were gone already." if gone else "."))
