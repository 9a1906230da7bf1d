"""`quel demo`: everything at work on this machine, and the proof that it is right."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from quel.cli.console import err, say, stop
from quel.cli.tables import show_json, show_table
from quel.cli.watch import follow
from quel.cli.world import wait_for_the_end
from quel.core.models import DEFAULT_MODEL_ID, model_for
from quel.core.operations.job_list import JobView
from quel.operations.job_list import find_jobs

if TYPE_CHECKING:
    from quel.sandbox.demo.show import Show

_OUTPUT = Path("demo-output")
_PATIENCE_S, _LIVE_PATIENCE_S = 300.0, 1_200.0


def demo(
    live: Annotated[bool, typer.Option("--live", help="Use the real provider; costs money.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Never use the real provider.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up until Ctrl-C, to be looked at: see quel sandbox env.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print at the end what was found, as JSON.")
    ] = False,
) -> None:
    """Run jobs of every path and type in a sandbox of their own, and check the result to the credit.

    Exits 1 unless everything is as it was ordered. Nothing of the caller's environment is used, but for
    GEMINI_* with --live or when asked.
    """
    _check_sandbox()
    if live and (sandbox or keep):
        err.print(f"--live and {'--sandbox' if sandbox else '--keep'} exclude each other.")
        raise typer.Exit(2)
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        jobs, found = _run(live=live, sandbox=sandbox or keep, keep=keep)
    if as_json:
        show_json({"ok": not found, "jobs": jobs, "disagreements": found})
    if found:
        raise typer.Exit(1)


def _run(*, live: bool, sandbox: bool, keep: bool) -> tuple[list[UUID], list[str]]:
    """The jobs that were run, and what is not as it was ordered."""
    from quel.sandbox.demo.caller import end_tidily, forget_caller
    from quel.sandbox.demo.show import pushed_jobs

    provider = _choose_provider(live=live, sandbox=sandbox)
    forget_caller()
    end_tidily()
    _clear_output()
    began = time.monotonic()
    patience_s = _LIVE_PATIENCE_S if provider else _PATIENCE_S
    with pushed_jobs(provider, _OUTPUT / "logs", patience_s=patience_s, say=say) as show:
        _follow(show)
        saved = _save(show)
        _tell(show)
        found = _disagreements(show, saved)
        for sentence in found:
            err.print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
        took_s = time.monotonic() - began
        say(f"{'Something is not as ordered.' if found else 'All of it is as ordered.'} Took {took_s:.0f} s.")
        if keep:
            _keep(show)
    return list(show.jobs), found


def _keep(show: "Show") -> None:
    """Lets the world be looked at until somebody ends it."""
    from quel.sandbox.standing import Standing, written_down

    environment = dict(show.environment)
    provider = environment.get("GEMINI_BASE_URL", "")
    payers = show.payers
    up = Standing(os.getpid(), provider, environment, payers.member, payers.org, tuple(show.jobs))
    with written_down(up):
        say('It stays until Ctrl-C. In another terminal: eval "$(quel sandbox env)"; quel jobs --status all')
        wait_for_the_end()


def _check_sandbox() -> None:
    """Ends the verb where quel was installed from its wheel, which carries only what production runs."""
    if find_spec("quel.sandbox") is None:
        stop(
            "quel demo needs quel's sandbox, and the sandbox is not part of this installation:"
            " run `make demo` in a clone of the repository."
        )


def _choose_provider(*, live: bool, sandbox: bool) -> dict[str, str]:
    """The real provider's settings where they are to be used, else nothing."""
    from quel.sandbox.demo.caller import provider_settings

    provider = provider_settings(os.environ)
    if live and not provider:
        err.print("--live needs GEMINI_API_KEY, which is not set.")
        raise typer.Exit(2)
    if provider and not live and not sandbox:
        live = _confirm(provider)
    if live:
        return provider
    say("The sandbox's own Gemini draws the pictures, and its own ComfyUI those of one path.")
    return {}


def _confirm(provider: Mapping[str, str]) -> bool:
    """Asks whoever sits at the terminal; nobody there means no."""
    if not sys.stdin.isatty():
        say("GEMINI_API_KEY is set but not used: --live says yes.")
        return False
    price = model_for(provider.get("GEMINI_MODEL", DEFAULT_MODEL_ID)).price_usd
    return typer.confirm(f"GEMINI_API_KEY is set. Use the real provider, at about ${price} an image?")


def _clear_output() -> None:
    """Makes room for new results; of an older run only what the demo itself wrote is removed."""
    logs = _OUTPUT / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in (
        *_OUTPUT.glob("*.webp"),
        *_OUTPUT.glob("contact-sheet.png"),
        *_OUTPUT.glob("*-marked.png"),
        *logs.glob("*.log"),
    ):
        old.unlink()


def _follow(show: "Show") -> None:
    from quel.environment import read_settings
    from quel.operations.services import OperatorServices

    def look() -> list[JobView]:
        show.check()
        return find_jobs(services, list(show.jobs))

    with closing(OperatorServices(read_settings({"DATABASE_URL": show.studio.database_url}))) as services:
        follow(look)


def _save(show: "Show") -> dict[UUID, list[Path]]:
    from quel.sandbox.demo.contact_sheet import Card, draw_contact_sheet
    from quel.sandbox.demo.proof import save_beside, save_results

    saved = save_results(show.studio, show.jobs, _OUTPUT)
    shown = save_beside(show.jobs, saved)
    cards = [
        Card(
            f"{order.path}: {order.title}",
            f"{order.job_type}, {len(saved[job_id])} of {order.images}, by {show.makers(job_id)}",
            files,
        )
        for job_id, order in show.jobs.items()
        if (files := shown[job_id])
    ]
    images = sum(len(files) for files in saved.values())
    heading = f"quel demo: {len(show.jobs)} jobs, {images} images"
    draw_contact_sheet(heading, cards, _OUTPUT / "contact-sheet.png")
    return saved


def _tell(show: "Show") -> None:
    from quel.sandbox.demo.accounts import START_CREDITS
    from quel.sandbox.demo.show import PRICE

    rows = []
    for job_id, order in show.jobs.items():
        row = show.studio.job_row(job_id)
        seconds = (row["completed_at"] - row["started_at"]).total_seconds() if row["started_at"] else 0
        done = row["completed_images"]
        rows.append(
            (
                str(job_id)[:8],
                order.path,
                order.title,
                order.job_type,
                done,
                f"{seconds:.1f}",
                (done - order.free) * PRICE,
            )
        )
    show_table(("job", "path", "what", "type", "#images", "#seconds", "#credits"), rows)
    for account in show.payers.accounts(show.studio, show.jobs.values()):
        say(
            f"{account.title} had {START_CREDITS} credits and has {account.balance};"
            f" its lines of the ledger, {account.lines}, add up to {account.total}."
        )
    say(f"Pictures and logs are in {_OUTPUT}/; to see them at once: {_OUTPUT / 'contact-sheet.png'}")


def _disagreements(show: "Show", saved: dict[UUID, list[Path]]) -> list[str]:
    from quel.sandbox.demo.proof import job_disagreements, object_disagreements
    from quel.sandbox.demo.show import PRICE

    found = [
        sentence
        for job_id, order in show.jobs.items()
        for sentence in job_disagreements(show.studio, job_id, order, saved[job_id])
    ]
    for account in show.payers.accounts(show.studio, show.jobs.values()):
        found += account.disagreements(PRICE)
    images = sum(order.images for order in show.jobs.values())
    return found + object_disagreements(show.studio.storage, images)
